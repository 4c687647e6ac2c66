"""Minting and verifying tokens."""

import hashlib
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt

from comptoir_runtime.auth.keys import (
    USER_ISSUER,
    KeyRing,
    SigningKey,
    VerificationKey,
    service_issuer,
)
from comptoir_runtime.auth.principal import Kind, Principal
from comptoir_runtime.errors import Unauthenticated

AUDIENCE = "comptoir"
ALGORITHM = "ES256"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type, no secret
LEEWAY_SECONDS = 60
MAX_TOKEN_CHARACTERS = 8192
MAX_CACHED_TOKENS = 20_000

# Exactly these: `jku`, `jwk`, `x5u`, `crit` and whatever comes next are refused unread.
_HEADER_NAMES = frozenset({"alg", "typ", "kid"})
_REQUIRED_CLAIMS = ["iss", "aud", "sub", "knd", "iat", "exp"]


class TokenRefused(Unauthenticated):
    """The token is not one of ours, or not valid now."""

    reason = "UNAUTHENTICATED"


def sign(
    principal: Principal,
    key: SigningKey,
    *,
    lifetime: timedelta,
    issuer: str = USER_ISSUER,
    audience: str = AUDIENCE,
    now: float | None = None,
) -> str:
    """A token that speaks for the principal from now on."""
    issued = int(time.time() if now is None else now)
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": audience,
        "sub": principal.subject,
        "knd": principal.kind.value,
        "iat": issued,
        "exp": issued + int(lifetime.total_seconds()),
    }
    optional = {
        "prm": sorted(principal.permissions),
        "vis": principal.visitor,
        "sid": principal.session,
        "sto": principal.store,
        "grp": sorted(principal.groups),
    }
    claims.update({name: value for name, value in optional.items() if value})
    headers = {"typ": TOKEN_TYPE, "kid": key.kid}
    return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers=headers)


class Verifier:
    """Checks tokens against the key ring; remembers good ones by their SHA-256."""

    def __init__(self, keyring: KeyRing, now: Callable[[], float] = time.time) -> None:
        self._keyring = keyring
        self._now = now
        self._generation = keyring.generation
        self._verified: dict[bytes, tuple[Principal, float]] = {}

    def recall(self, token: str) -> Principal | None:
        """The principal of a token that was verified before and is still valid."""
        self._forget_after_changes()
        entry = self._verified.get(_digest(token))
        return entry[0] if entry is not None and entry[1] > self._now() else None

    async def verify(self, token: str) -> Principal:
        """Raises `TokenRefused`; never says which check failed."""
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise TokenRefused("the token is not valid")
        key = await self._keyring.find(_kid(token))
        if key is None:
            raise TokenRefused("the token is not valid")
        principal, until = self._check(token, key)
        self._forget_after_changes()
        if len(self._verified) >= MAX_CACHED_TOKENS:
            self._verified.clear()
        self._verified[_digest(token)] = (principal, until)
        return principal

    def _forget_after_changes(self) -> None:
        if self._generation != self._keyring.generation:
            self._generation = self._keyring.generation
            self._verified.clear()  # a key may have been withdrawn

    def _check(self, token: str, key: VerificationKey) -> tuple[Principal, float]:
        try:
            claims = jwt.decode(
                token,
                key.public,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=key.issuer,
                options={
                    "require": _REQUIRED_CLAIMS,
                    "strict_aud": True,
                    # Times are checked below against the clock of this verifier.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
            until = _valid_until(claims, key, self._now())
            return _principal(claims), until
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            raise TokenRefused("the token is not valid") from None


def _kid(token: str) -> str:
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError):
        raise TokenRefused("the token is not valid") from None
    good = (
        header.keys() == _HEADER_NAMES
        and header["alg"] == ALGORITHM
        and header["typ"] == TOKEN_TYPE
        and isinstance(header["kid"], str)
    )
    if not good:
        raise TokenRefused("the token is not valid")
    kid: str = header["kid"]
    return kid


def _valid_until(claims: dict[str, Any], key: VerificationKey, now: float) -> float:
    for name in ("iat", "exp", "nbf"):
        if name in claims and (type(claims[name]) not in (int, float)):
            raise ValueError(f"{name} is not a number")
    if max(claims["iat"], claims.get("nbf", 0)) > now + LEEWAY_SECONDS:
        raise ValueError("not valid yet")
    until = float(claims["exp"]) + LEEWAY_SECONDS
    if key.expires is not None:
        until = min(until, key.expires)
    if until <= now:
        raise ValueError("expired")
    return until


def _principal(claims: dict[str, Any]) -> Principal:
    kind, subject, issuer = Kind(claims["knd"]), claims["sub"], claims["iss"]
    if not subject:
        raise ValueError("empty subject")
    # A user's key must not make a service, nor one service's key a user or another service.
    if issuer != (service_issuer(subject) if kind is Kind.SERVICE else USER_ISSUER):
        raise ValueError("issuer does not fit the subject")
    return Principal(
        kind=kind,
        subject=subject,
        permissions=_strings(claims.get("prm")),
        visitor=_text(claims.get("vis")),
        session=_text(claims.get("sid")),
        store=_text(claims.get("sto")),
        groups=_strings(claims.get("grp")),
    )


def _strings(value: Any) -> frozenset[str]:
    if value is None:
        return frozenset()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("not a list of strings")
    return frozenset(value)


def _text(value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or not value):
        raise ValueError("not a text")
    return value


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
