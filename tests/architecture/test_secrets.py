"""Settings that hold a secret never show it: not in a log, not in a traceback, not in a test."""

import dataclasses
import importlib
import re

import pytest

from comptoir_local.stack import SERVICES
from comptoir_runtime.settings import MigrationSettings, Settings, load

SECRETIVE = re.compile(r"password|secret|_key$|_url$|token")
# Addresses of others without a login of ours in them.
OPEN = {"stripe_base_url", "psp_url"}
SHOWN = "shown-to-everybody"


def settings_of(service: str) -> list[type[Settings]]:
    module = importlib.import_module(f"comptoir_{service}.settings")
    return [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Settings)
    ]


def secret_fields(kind: type) -> list[str]:
    texts = (str, tuple[str, ...])
    return [
        field.name
        for field in dataclasses.fields(kind)
        if SECRETIVE.search(field.name) and field.type in texts and field.name not in OPEN
    ]


ALL: list[type] = [MigrationSettings, *(k for s in SERVICES for k in settings_of(s.name))]


@pytest.mark.parametrize("kind", ALL, ids=lambda each: f"{each.__module__}.{each.__name__}")
def test_secrets_are_not_shown(kind: type) -> None:
    fields = secret_fields(kind)
    required = {
        field.name.upper(): "x"
        for field in dataclasses.fields(kind)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }

    settings: object = load(kind, required | {name.upper(): SHOWN for name in fields})

    assert fields
    assert all(SHOWN in getattr(settings, name) for name in fields)
    assert SHOWN not in repr(settings)
