"""What each service reads from its environment, for tests of what it is told."""

import dataclasses
import importlib
from typing import Any

from comptoir_runtime.bus.connection import FLUSH_SECONDS
from comptoir_runtime.consumer import DEFAULT_POLICY, LAST_SECONDS
from comptoir_runtime.settings import Settings

_COLLECTOR_SECONDS = 10.0
"""How long what waits is offered to a collector that does not answer."""


def settings_of(service: str) -> dict[str, dataclasses.Field[Any]]:
    """What a service reads from its environment, by the name of the variable."""
    module = importlib.import_module(f"comptoir_{service}.settings")
    (cls,) = {
        each
        for each in vars(module).values()
        if isinstance(each, type)
        and issubclass(each, Settings)
        and each.__module__ == module.__name__
    }
    return {field.name.upper(): field for field in dataclasses.fields(cls)}


def needed_by(service: str) -> set[str]:
    """The variables without which a service does not start."""
    return {
        name
        for name, field in settings_of(service).items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }


def called_by(service: str) -> set[str]:
    """Whom a service calls: those whose address it is told."""
    return {
        name.removesuffix("_TARGET").lower()
        for name in settings_of(service)
        if name.endswith("_TARGET")
    }


def longest_stop(drain_seconds: float) -> float:
    """From SIGTERM to the end of a process, in seconds, when all of it takes as long as it may."""
    consumers = DEFAULT_POLICY.grace + LAST_SECONDS
    return Settings.leave_seconds + drain_seconds + consumers + FLUSH_SECONDS + _COLLECTOR_SECONDS
