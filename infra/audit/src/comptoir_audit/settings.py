"""Environment → where everything is."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from comptoir_audit.invariant import SERVICES


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where everything is. `provider` None: another provider than the sandbox, with no journal."""

    databases: Mapping[str, str] = field(repr=False)  # hold passwords
    provider: str | None = None


class NotSet(Exception):
    """Variables that are missing, by name."""


def database_variable(service: str) -> str:
    """The variable with the URL of a service's database."""
    return f"COMPTOIR_{service.upper()}_DATABASE_URL"


PROVIDER_VARIABLE = "COMPTOIR_PSP_URL"
COLLECTOR_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"


def environment_of(addresses: Addresses) -> dict[str, str]:
    """The variables that lead to these addresses."""
    environment = {database_variable(name): url for name, url in addresses.databases.items()}
    if addresses.provider is not None:
        environment[PROVIDER_VARIABLE] = addresses.provider
    return environment


def from_environment(environment: Mapping[str, str] = os.environ) -> Addresses:
    """Raises `NotSet` unless there is a database for each service."""
    wanted = {name: database_variable(name) for name in SERVICES}
    missing = [variable for variable in wanted.values() if not environment.get(variable)]
    if missing:
        raise NotSet(", ".join(missing))
    return Addresses(
        databases={name: environment[variable] for name, variable in wanted.items()},
        provider=environment.get(PROVIDER_VARIABLE) or None,
    )


def collector(environment: Mapping[str, str] = os.environ) -> str:
    """Where metrics are sent to; empty when they are not."""
    return environment.get(COLLECTOR_VARIABLE, "")
