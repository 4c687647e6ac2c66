"""What each service reads from its environment, for tests of what it is told."""

import dataclasses
import importlib
from typing import Any

from comptoir_runtime.settings import Settings


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
