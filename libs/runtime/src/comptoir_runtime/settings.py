"""Settings: the environment, read once into one frozen dataclass.

A field `pool_size: int = 10` is read from `POOL_SIZE`. Lists are separated by
commas. Every wrong or missing variable is reported at once, by name.
"""

import dataclasses
import os
import re
import types
import typing
from collections.abc import Mapping
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from comptoir_runtime.tls import CertificateFiles, Certificates, UnusableCertificate

S = TypeVar("S")

# scheme://login@host:port,host:port/rest, where a login holds no unescaped / or @.
_URL = re.compile(r"[a-z]+://(?:[^/@?]*@)?(?P<places>[^/@?]*)(?:[/?].*)?")
_PLACE = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(?::\d+)?")

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


class SettingsError(Exception):
    """One or more variables are missing or wrong; the text names each of them."""


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What every service reads; a service adds its own fields in a subclass.

    A neighbour `cart` is reached through a field `cart_target: str`.
    """

    database_url: str = dataclasses.field(repr=False)  # holds a password
    nats_url: str = dataclasses.field(default="nats://127.0.0.1:4222", repr=False)
    """May hold user and password; `tls://` demands encryption."""
    nats_replicas: int = 1
    """Servers that keep each stream; an odd number."""
    facts_max_bytes: int = 1 << 30
    """How large the stream of facts may become; a full one refuses, and the outbox holds."""
    listen: str = "127.0.0.1:0"
    """host:port; port 0 takes a free one, named in the log field `listening`."""
    service_jwks: Path | None = None
    """JWKS file with the public keys of the services; each key carries its issuer. A service may
    have several, an old and a new one."""
    service_key: Path | None = None
    """PEM file with this service's private key, for its outgoing calls. Its kid is the one by which
    `service_jwks` lists its public half."""
    tls_certificate: Path | None = None
    """PEM file with this service's certificate and what leads to its authority. With the two below
    gRPC and `tls://` to NATS are encrypted and both sides show who they are; none of them: off."""
    tls_key: Path | None = None
    """PEM file with the certificate's private key."""
    tls_ca: Path | None = None
    """PEM file with the authorities whose certificates are believed."""
    callers: tuple[str, ...] = ()
    """The services whose certificates may call; all others are refused. Needs a certificate."""
    health_listen: str = ""
    """host:port where health alone is told, without certificates: for who has none to show."""
    environment: Environment = Environment.PRODUCTION
    otel_exporter_otlp_endpoint: str = ""
    """Empty turns the export of traces, metrics and log lines off."""
    otel_traces_sampler_arg: float = 0.1
    """Share of new traces that are recorded, 0 to 1."""
    pool_size: int = 10
    log_level: str = "INFO"
    max_concurrent_rpcs: int = 1000
    """Calls beyond this are refused at once instead of queueing."""
    leave_seconds: float = 1.0
    """How long after SIGTERM calls are still taken, while callers hear that they shall go to other
    replicas; 0 where there are none."""
    drain_seconds: float = 20.0
    """How long calls in flight may take to end after that."""
    idempotency_hours: int = 24
    """How long the answer to a request id is kept."""

    def __post_init__(self) -> None:
        told = [self.tls_certificate, self.tls_key, self.tls_ca]
        if any(told) and not all(told):
            raise SettingsError("TLS_CERTIFICATE, TLS_KEY and TLS_CA belong together")
        if self.callers and not any(told):
            raise SettingsError(
                "CALLERS can only be told apart by certificates: set TLS_CERTIFICATE"
            )

    @property
    def development(self) -> bool:
        return self.environment is Environment.DEVELOPMENT

    @property
    def bus_url(self) -> str:
        """Raises `SettingsError` when it cannot be read."""
        return readable("NATS_URL", self.nats_url)

    def certificates(self) -> Certificates | None:
        """None where connections are not encrypted; raises `SettingsError`."""
        if self.tls_certificate is None or self.tls_key is None or self.tls_ca is None:
            return None
        try:
            return Certificates(CertificateFiles(self.tls_certificate, self.tls_key, self.tls_ca))
        except UnusableCertificate as error:
            raise SettingsError(str(error)) from None


@dataclasses.dataclass(frozen=True, kw_only=True)
class MigrationSettings:
    """What `migrate` reads. Who serves is never told how to reach the tables as their owner."""

    migration_database_url: str = dataclasses.field(default="", repr=False)
    """The owner of the tables; empty: `DATABASE_URL`, where one role does both."""
    database_url: str = dataclasses.field(default="", repr=False)
    log_level: str = "INFO"

    @property
    def url(self) -> str:
        """Raises `SettingsError` when neither is set, or it cannot be read."""
        if self.migration_database_url:
            return readable("MIGRATION_DATABASE_URL", self.migration_database_url)
        if self.database_url:
            return readable("DATABASE_URL", self.database_url)
        raise SettingsError("MIGRATION_DATABASE_URL is not set")


def readable(variable: str, url: str) -> str:
    """The URL; raises `SettingsError` when drivers could not read it.

    They would say so with what they took for the port, which may be half a password.
    """
    for each in url.split(",") if url.count("://") > 1 else [url]:
        found = _URL.fullmatch(each)
        places = found["places"].split(",") if found else []
        if not places or not all(map(_PLACE.fullmatch, places)):
            raise SettingsError(f"{variable}: not a URL; is something in it not escaped?")
    return url


def load(cls: type[S], environ: Mapping[str, str] | None = None) -> S:
    """Reads the dataclass `cls` from the environment; raises `SettingsError`."""
    source = os.environ if environ is None else environ
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]  # every caller passes a dataclass
        variable = field.name.upper()
        text = source.get(variable)
        if text is None:
            if _required(field):
                problems.append(f"{variable} is not set")
            continue
        try:
            values[field.name] = _parse(hints[field.name], text)
        except ValueError as error:
            problems.append(f"{variable}: {error}")
    if problems:
        raise SettingsError("; ".join(problems))
    return cls(**values)


def _required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _parse(kind: Any, text: str) -> Any:
    origin = get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return None if text == "" else _parse(_without_none(kind), text)
    if origin is tuple:
        item = get_args(kind)[0]
        return tuple(_parse(item, part.strip()) for part in text.split(",") if part.strip())
    if kind is bool:
        return _boolean(text)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _choice(kind, text)
    if kind in (str, int, float, Path):
        # The value itself stays out of the message: it may be a secret.
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"not a valid {kind.__name__}") from None
    raise TypeError(f"settings cannot hold {kind!r}")


def _without_none(kind: Any) -> Any:
    (only,) = (option for option in get_args(kind) if option is not type(None))
    return only


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise ValueError("not a boolean (true or false)")


def _choice(kind: type[Enum], text: str) -> Enum:
    try:
        return kind(text)
    except ValueError:
        options = ", ".join(str(option.value) for option in kind)
        raise ValueError(f"not one of {options}") from None
