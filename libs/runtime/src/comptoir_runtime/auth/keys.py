"""Keys that sign and verify tokens, and the ring of those trusted."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

USER_ISSUER = "comptoir"
RELOAD_SECONDS = 1.0

_COORDINATE_BYTES = 32  # P-256


def service_issuer(name: str) -> str:
    """The issuer of the tokens a service mints for itself."""
    return f"service:{name}"


@dataclass(frozen=True, slots=True)
class SigningKey:
    kid: str
    private: ec.EllipticCurvePrivateKey

    @classmethod
    def generate(cls, kid: str) -> "SigningKey":
        return cls(kid, ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, kid: str, pem: bytes) -> "SigningKey":
        private = load_pem_private_key(pem, password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey) or not _is_p256(private.curve):
            raise ValueError("a signing key must be a P-256 private key")
        return cls(kid, private)


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key, and the only issuer it may speak for."""

    kid: str
    issuer: str
    public: ec.EllipticCurvePublicKey
    expires: float | None = None
    """Seconds since the epoch after which nothing it signed is accepted."""


def public_jwk(key: SigningKey, issuer: str = "") -> dict[str, str]:
    """The public half as a JWK; with the issuer that key may speak for when given."""
    numbers = key.private.public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": key.kid}
    jwk["x"], jwk["y"] = _encode(numbers.x), _encode(numbers.y)
    if issuer:
        jwk["iss"] = issuer
    return jwk


def verification_key(
    jwk: dict[str, Any], issuer: str, expires: float | None = None
) -> VerificationKey:
    """Reads a JWK; anything but an EC P-256 key for ES256 is a `ValueError`."""
    expected = {"kty": "EC", "crv": "P-256"}
    if any(jwk.get(name) != value for name, value in expected.items()):
        raise ValueError("a verification key must be EC P-256")
    if jwk.get("alg", "ES256") != "ES256" or not jwk.get("kid") or not issuer:
        raise ValueError("a verification key needs alg ES256, a kid and an issuer")
    x, y = _decode(jwk["x"]), _decode(jwk["y"])
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    return VerificationKey(jwk["kid"], issuer, public, expires)


def keys_of_jwks(path: Path) -> list[VerificationKey]:
    """The service keys of a JWKS file; each names its issuer in `iss`, several may name the same.

    Raises `ValueError` for anything else, two keys of one name included.
    """
    document = orjson.loads(path.read_bytes())
    keys = [verification_key(jwk, jwk.get("iss", "")) for jwk in document["keys"]]
    kids: set[str] = set()
    for key in keys:
        if not key.issuer.startswith(service_issuer("")):
            raise ValueError(f"key {key.kid}: issuer must be service:<name>")
        if key.kid in kids:
            raise ValueError(f"key {key.kid}: two keys have this kid")
        kids.add(key.kid)
    return keys


class KeyRing:
    """Trusted keys by kid. Unknown kids cause a reload, at most one a second."""

    def __init__(
        self,
        fixed: Iterable[VerificationKey] = (),
        load: Callable[[], Awaitable[Iterable[VerificationKey]]] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fixed = {key.kid: key for key in fixed}
        self._keys = dict(self._fixed)
        self._load = load
        self._monotonic = monotonic
        self._reloaded_at: float | None = None
        self._lock = asyncio.Lock()
        self.generation = 0
        """Counts changes, so that whoever caches what a key proved can forget it."""

    @property
    def has_user_keys(self) -> bool:
        return any(key.issuer == USER_ISSUER for key in self._keys.values())

    def trust(self, key: VerificationKey) -> None:
        """Adds a key that survives reloads."""
        self._fixed[key.kid] = self._keys[key.kid] = key

    async def find(self, kid: str) -> VerificationKey | None:
        key = self._keys.get(kid)
        if key is None and self._load is not None:
            await self.reload()
            key = self._keys.get(kid)
        return key

    async def reload(self) -> None:
        """Reads the stored keys again, unless that was done less than a second ago."""
        if self._load is None:
            return
        async with self._lock:
            now = self._monotonic()
            if self._reloaded_at is not None and now - self._reloaded_at < RELOAD_SECONDS:
                return
            self._reloaded_at = now
            loaded = {key.kid: key for key in await self._load()}
            # A stored key never replaces a fixed one: a kid must not change its issuer.
            keys = {**loaded, **self._fixed}
            if keys != self._keys:
                self._keys = keys
                self.generation += 1


def _is_p256(curve: ec.EllipticCurve) -> bool:
    return isinstance(curve, ec.SECP256R1)


def _encode(number: int) -> str:
    raw = number.to_bytes(_COORDINATE_BYTES, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
