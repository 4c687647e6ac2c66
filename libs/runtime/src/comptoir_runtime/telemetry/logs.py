"""One JSON object per line on standard output.

Extra fields are given the standard way: `log.info("listening", extra={"port": 1})`.
"""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

from comptoir_runtime.telemetry.traces import current_trace_id

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "service": self._service,
            "logger": record.name,
        }
        trace_id = current_trace_id()
        if trace_id is not None:
            line["trace_id"] = trace_id
        extra = record.__dict__.keys() - _STANDARD
        line.update((name, record.__dict__[name]) for name in sorted(extra))
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure_logging(service: str, level: str) -> None:
    """Replaces the handlers of the root logger; libraries speak from WARNING up."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("comptoir_runtime", f"comptoir_{service}"):
        logging.getLogger(name).setLevel(level.upper())
