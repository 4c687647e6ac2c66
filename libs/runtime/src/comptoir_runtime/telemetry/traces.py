"""Trace context (W3C traceparent) and spans.

The context of a call lives in a context variable, so it follows the task into
outgoing calls, events and log lines whether or not anything is recorded.
"""

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Protocol, Self

TRACEPARENT = "traceparent"

_VALID = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


class Recorder(Protocol):
    """What records spans when tracing is on (see `setup`)."""

    def start(self, name: str, parent: str | None, attributes: Mapping[str, Any]) -> Any:
        """Starts a span below `parent`."""

    def traceparent(self, span: Any) -> str:
        """The span's own context, for whoever is called from inside it."""

    def finish(self, span: Any, error: str | None) -> None:
        """Ends the span, marked as failed when there is an error."""


_recorder: Recorder | None = None


def install(recorder: Recorder | None) -> None:
    """Turns recording on, or off with None."""
    global _recorder  # noqa: PLW0603 - one recorder per process, set at start-up
    _recorder = recorder


def tracing() -> bool:
    """Whether spans are recorded."""
    return _recorder is not None


def current_traceparent() -> str | None:
    """The trace context to send along with calls and events."""
    return _current.get()


def current_trace_id() -> str | None:
    """The 32 hex digits that join the log lines of one request."""
    parent = _current.get()
    return None if parent is None else parent[3:35]


def new_traceparent() -> str:
    """A fresh context, not sampled: it joins log lines and leaves recording to others."""
    return f"00-{random.getrandbits(128) | 1:032x}-{random.getrandbits(64) | 1:016x}-00"


def valid(parent: str | None) -> str | None:
    """The context as it was sent, or None when it is missing or malformed."""
    return parent if parent is not None and _VALID.fullmatch(parent) else None


def continue_trace(parent: str | None) -> None:
    """Takes over the caller's context for the current task, or starts a fresh one."""
    _current.set(valid(parent) or new_traceparent())


@contextmanager
def within(parent: str | None) -> Iterator[None]:
    """Says what is said in the block as part of a trace, whose spans it adds nothing to."""
    token = _current.set(valid(parent))
    try:
        yield
    finally:
        _current.reset(token)


class span:  # noqa: N801 - read as a keyword: `with telemetry.span("relay.batch"):`
    """A timed part of the work. `parent` defaults to the current context.

    A malformed parent is treated as absent. When nothing is recorded the block only carries
    the parent on.
    """

    __slots__ = ("_attributes", "_error", "_name", "_parent", "_span", "_token")

    def __init__(
        self,
        name: str,
        parent: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        self._name = name
        self._parent = parent
        self._attributes = attributes
        self._span: Any = None
        self._error: str | None = None
        self._token: Token[str | None] | None = None

    def failed(self, error: str) -> None:
        """Marks the span as failed, for errors that do not leave the block."""
        self._error = error

    def __enter__(self) -> Self:
        parent = valid(self._parent)
        if _recorder is None:
            if parent is not None:
                self._token = _current.set(parent)
            return self
        if parent is None:
            parent = _current.get()
        self._span = _recorder.start(self._name, parent, self._attributes or {})
        self._token = _current.set(_recorder.traceparent(self._span))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)
        if self._span is not None and _recorder is not None:
            _recorder.finish(self._span, self._error if kind is None else kind.__name__)
