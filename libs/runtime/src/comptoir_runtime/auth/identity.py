"""What a service shows when it calls another."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from comptoir_runtime.auth.keys import SigningKey, service_issuer
from comptoir_runtime.auth.principal import Kind, Principal
from comptoir_runtime.auth.tokens import sign

LIFETIME = timedelta(minutes=5)
# Renewed early, so that a token never expires on its way.
_RENEW_SECONDS = 60.0


class ServiceIdentity:
    """Mints five-minute tokens for this service; one token serves many calls.

    The key id is `service:<name>`, the issuer the service's JWKS entry must name.
    """

    def __init__(self, name: str, key: SigningKey, now: Callable[[], float] = time.time) -> None:
        self.name = name
        self._key = key
        self._now = now
        self._header = ""
        self._renew_at = 0.0

    @classmethod
    def from_pem(cls, name: str, path: Path) -> "ServiceIdentity":
        """`path` holds a P-256 private key in PEM; its kid is `service:<name>`."""
        return cls(name, SigningKey.from_pem(service_issuer(name), path.read_bytes()))

    def authorization(self) -> str:
        """The value of the `authorization` metadata."""
        now = self._now()
        if now >= self._renew_at:
            principal = Principal(Kind.SERVICE, self.name)
            issuer = service_issuer(self.name)
            token = sign(principal, self._key, lifetime=LIFETIME, issuer=issuer, now=now)
            self._header = f"Bearer {token}"
            self._renew_at = now + LIFETIME.total_seconds() - _RENEW_SECONDS
        return self._header
