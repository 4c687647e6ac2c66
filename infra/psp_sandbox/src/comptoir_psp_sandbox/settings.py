"""Environment → one frozen settings object."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self


class InvalidSettings(Exception):
    """Names the variable and says what it must be."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Durations are in seconds."""

    host: str
    port: int
    journal: Path
    webhook_url: str
    webhook_secret: str
    public_url: str
    late_webhook: float
    delayed_authorisation: float
    unanswered_hold: float
    webhook_retry: float
    key_retention: int
    authorisation_lifetime: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        host, _, port = environment.get("PSP_LISTEN", "127.0.0.1:0").rpartition(":")
        webhook_url = environment.get("PSP_WEBHOOK_URL", "")
        secret = environment.get("PSP_WEBHOOK_SECRET", "")
        if not host or not port.isdecimal():
            raise InvalidSettings("PSP_LISTEN must be host:port, for example 127.0.0.1:0")
        if webhook_url and not secret:
            raise InvalidSettings("PSP_WEBHOOK_SECRET must be set when PSP_WEBHOOK_URL is")
        if not environment.get("PSP_JOURNAL"):
            raise InvalidSettings("PSP_JOURNAL must be the path of the journal file")
        return cls(
            host=host,
            port=int(port),
            journal=Path(environment["PSP_JOURNAL"]),
            webhook_url=webhook_url,
            webhook_secret=secret,
            public_url=environment.get("PSP_PUBLIC_URL", "").rstrip("/"),
            late_webhook=_seconds(environment, "PSP_LATE_WEBHOOK_SECONDS", 5),
            delayed_authorisation=_seconds(environment, "PSP_DELAYED_SECONDS", 2),
            unanswered_hold=_seconds(environment, "PSP_HOLD_SECONDS", 30),
            webhook_retry=_seconds(environment, "PSP_WEBHOOK_RETRY_SECONDS", 0.2),
            key_retention=int(_seconds(environment, "PSP_KEY_RETENTION_SECONDS", 86_400)),
            authorisation_lifetime=int(_seconds(environment, "PSP_AUTHORISATION_SECONDS", 604_800)),
        )


def _seconds(environment: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(environment.get(name, default))
    except ValueError as error:
        raise InvalidSettings(f"{name} must be a number of seconds") from error
    if not 0 <= value < float("inf"):
        raise InvalidSettings(f"{name} must be a number of seconds, zero or more")
    return value
