"""What the edge can tell of a caller: whether the token has the shape of one.

Signatures, expiry and permissions are checked by the service that owns the procedure. What
is read here unverified may only make an answer more careful, never more generous.
"""

import re
from base64 import urlsafe_b64decode

import orjson

from comptoir_gateway.problems import Problem

MAX_TOKEN_LENGTH = 4096
_BEARER = re.compile(r"[Bb]earer ([A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+)")


def authorization(header: str | None) -> str | None:
    """The metadata to pass on: `Bearer <token>`; 401 when the header is something else."""
    if header is None:
        return None
    found = _BEARER.fullmatch(header) if len(header) <= MAX_TOKEN_LENGTH else None
    if found is None:
        raise Problem(
            401,
            "UNAUTHENTICATED",
            "the Authorization header must be a bearer token",
            headers=((b"www-authenticate", b"Bearer"),),
        )
    return f"Bearer {found[1]}"


def may_have_own_prices(passed_on: str | None) -> bool:
    """Whether the caller's prices may differ from everybody's: a customer may be in a group."""
    if passed_on is None:
        return False
    payload = passed_on.split(".", 2)[1]
    try:
        claims = orjson.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        return True
    return not isinstance(claims, dict) or claims.get("knd") != "visitor"
