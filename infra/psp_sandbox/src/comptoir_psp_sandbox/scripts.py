"""Misbehaviour on request: what a test asks the provider to do to its next calls."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from comptoir_psp_sandbox.errors import InvalidRequest

OPERATIONS: Final = frozenset(
    {"any", "authorise", "confirm", "capture", "void", "refund", "fetch", "webhook"}
)


class Action(StrEnum):
    STATUS = "status"
    RESET = "reset"
    TIMEOUT = "timeout"
    DELAY = "delay"
    DROP = "drop"
    DUPLICATE = "duplicate"


_WEBHOOK_ACTIONS: Final = frozenset({Action.DROP, Action.DUPLICATE, Action.DELAY})
_CALL_ACTIONS: Final = frozenset({Action.STATUS, Action.RESET, Action.TIMEOUT, Action.DELAY})


@dataclass(frozen=True, slots=True)
class Script:
    """`after_effect`: the work is done durably, then answered badly. `delay` is in seconds."""

    operation: str
    action: Action
    times: int = 1
    after_effect: bool = False
    status: int = 500
    delay: float = 0.0


class Scripts:
    """First scripted, first used; not journalled, so a restart forgets them."""

    def __init__(self) -> None:
        self._queue: list[Script] = []

    def add(self, script: Script) -> None:
        self._queue.append(script)

    def clear(self) -> None:
        self._queue.clear()

    def take(self, operation: str) -> Script | None:
        """The script for this call, used up by one; "any" means any call, never a webhook."""
        if not self._queue:
            return None
        for index, script in enumerate(self._queue):
            if script.operation == operation or (
                script.operation == "any" and operation != "webhook"
            ):
                if script.times == 1:
                    del self._queue[index]
                else:
                    self._queue[index] = replace(script, times=script.times - 1)
                return script
        return None


def parse(body: Mapping[str, Any]) -> Script:
    """A script from its JSON; what makes no sense is refused rather than ignored."""
    operation = body.get("operation", "any")
    action = body.get("action")
    if operation not in OPERATIONS:
        raise InvalidRequest(
            f"operation must be one of {', '.join(sorted(OPERATIONS))}",
            param="operation",
        )
    allowed = _WEBHOOK_ACTIONS if operation == "webhook" else _CALL_ACTIONS
    if action not in allowed:
        raise InvalidRequest(f"action must be one of {', '.join(sorted(allowed))}", param="action")
    when = body.get("when", "before")
    if when not in ("before", "after"):
        raise InvalidRequest("when must be before or after (the effect)", param="when")
    return Script(
        operation=operation,
        action=Action(action),
        times=_whole(body, "times", 1, 1, 1_000_000),
        after_effect=when == "after",
        status=_whole(body, "status", 500, 400, 599),
        delay=_whole(body, "delay_ms", 0, 0, 600_000) / 1000,
    )


def _whole(body: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = body.get(name, default)
    if type(value) is not int or not least <= value <= most:
        raise InvalidRequest(f"{name} must be a whole number from {least} to {most}", param=name)
    return value
