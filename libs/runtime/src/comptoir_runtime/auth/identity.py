"""What a service shows when it calls another."""

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path

from comptoir_runtime.auth.keys import SigningKey, VerificationKey, service_issuer
from comptoir_runtime.auth.principal import Kind, Principal
from comptoir_runtime.auth.tokens import sign

LIFETIME = timedelta(minutes=5)
# Renewed early, so that a token never expires on its way.
_RENEW_SECONDS = 60.0


class ServiceIdentity:
    """Mints five-minute tokens for this service; one token serves many calls.

    The issuer is `service:<name>`, which the key's entry in the others' JWKS must name.
    """

    def __init__(self, name: str, key: SigningKey, now: Callable[[], float] = time.time) -> None:
        self.name = name
        self._key = key
        self._now = now
        self._header = ""
        self._renew_at = 0.0

    @classmethod
    def from_pem(
        cls, name: str, path: Path, listed: Iterable[VerificationKey] = ()
    ) -> "ServiceIdentity":
        """`path` holds a P-256 private key in PEM.

        Its kid is the one that its public half is `listed` by, so a list may hold an old and a new
        key; `service:<name>` where there is no list. Raises `ValueError` when the list lacks it:
        nobody would believe what it signs.
        """
        issuer, listed = service_issuer(name), list(listed)
        key = SigningKey.from_pem(issuer, path.read_bytes())
        if not listed:
            return cls(name, key)
        public = key.private.public_key()
        for each in listed:
            if each.issuer == issuer and each.public == public:
                return cls(name, SigningKey(each.kid, key.private))
        raise ValueError(f"the public half of the key of {name} is not listed")

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
