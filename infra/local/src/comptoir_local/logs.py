"""The output of the processes: all of it into files, what matters on the screen."""

import shutil
from collections import deque
from pathlib import Path
from typing import BinaryIO

import orjson
from rich.console import Console
from rich.text import Text

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_cyan", "bright_magenta")
_LEVEL_COLOURS = {"warning": "yellow", "error": "red", "critical": "bold red"}
_QUIET = frozenset({"debug", "info"})
_KEPT_LINES = 30
_NAME_WIDTH = 11


class LogBook:
    """The logs of one process: a file, its last lines in memory, and the screen."""

    def __init__(self, name: str, folder: Path, console: Console, *, verbose: bool) -> None:
        self._name = name
        self.path = folder / f"{name}.log"
        self._console = console
        self._verbose = verbose
        self._colour = _COLOURS[sum(name.encode()) % len(_COLOURS)]
        self._last: deque[str] = deque(maxlen=_KEPT_LINES)
        self._file = self._open()

    def _open(self) -> BinaryIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            shutil.move(self.path, self.path.with_suffix(".previous.log"))
        return self.path.open("wb", buffering=0)

    def write(self, line: bytes) -> None:
        """Take one line, without its end."""
        self._file.write(line + b"\n")
        text = line.decode(errors="replace")
        level, shown = _read(text)
        self._last.append(shown)
        if self._verbose or level not in _QUIET:
            self._show(level, shown)

    def close(self) -> None:
        """Close the file; nothing may be written any more."""
        self._file.close()

    def tail(self) -> str:
        """The last lines, as shown on the screen."""
        return "\n".join(self._last) or "(it said nothing)"

    def _show(self, level: str, shown: str) -> None:
        prefix = Text(f"{self._name:>{_NAME_WIDTH}} │ ", style=self._colour)
        body = Text(shown, style=_LEVEL_COLOURS.get(level, ""))
        self._console.print(prefix + body, soft_wrap=True)


def _read(text: str) -> tuple[str, str]:
    """Level and readable text of a line.

    What is not JSON was not said through the log (a traceback at start, say): it only shows when
    the process dies of it, or with --verbose.
    """
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "info", text
    if not isinstance(fields, dict) or "message" not in fields:
        return "info", text
    level = str(fields.get("level", "info")).lower()
    shown = str(fields["message"])
    extra = {
        key: value
        for key, value in fields.items()
        if key not in {"time", "level", "message", "service", "logger", "exception"}
    }
    if extra:
        shown += "  " + " ".join(f"{key}={value}" for key, value in extra.items())
    if "exception" in fields:
        shown += f"\n{fields['exception']}"
    return level, shown
