"""One JSON object per line on standard output.

Extra fields are given the standard way: `log.info("listening", extra={"port": 1})`. Where lines
are exported, too, they say what they say here (`opentelemetry`).
"""

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

from comptoir_runtime.telemetry.traces import current_trace_id

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_plain = logging.Formatter()


def extra_of(record: logging.LogRecord) -> dict[str, Any]:
    """The extra fields of a line."""
    extra = record.__dict__.keys() - _STANDARD
    return {name: record.__dict__[name] for name in sorted(extra)}


def exception_of(record: logging.LogRecord) -> str:
    """The exception a line tells of, with its traceback; empty when there is none."""
    return _plain.formatException(record.exc_info) if record.exc_info else ""


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
        line |= extra_of(record)
        if exception := exception_of(record):
            line["exception"] = exception
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
