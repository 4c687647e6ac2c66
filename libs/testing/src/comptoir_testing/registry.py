"""Which service the tests of a folder are about."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from comptoir_runtime.service import Parts, Runtime
from comptoir_runtime.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ServiceUnderTest:
    """Declared as `SERVICE` in the tests/conftest.py of a service."""

    name: str
    """As in the protos: `inventory`."""
    build: Callable[[Runtime, Any], Awaitable[Parts]]
    """The same function the service's `__main__` hands to the runtime."""
    settings: type[Settings]
    package: str
    """Where its migrations are: `comptoir_inventory`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Settings of its own, as environment variables: neighbours, provider, secrets."""
    volatile_tables: frozenset[str] = frozenset()
    """Tables that background work writes: never compared before and after a call."""
    settled: str = ""
    """SQL that is true once background work has followed the last call; snapshots wait for it."""


_services: dict[Path, ServiceUnderTest] = {}


def remember(conftest: Path, service: ServiceUnderTest) -> None:
    """Note the service that the tests below the folder of `conftest` are about."""
    _services[conftest.parent] = service


def service_for(test: Path) -> ServiceUnderTest:
    """The service of the nearest conftest above a test file."""
    for folder in test.parents:
        if folder in _services:
            return _services[folder]
    raise LookupError(f"no conftest.py above {test} declares SERVICE = ServiceUnderTest(...)")
