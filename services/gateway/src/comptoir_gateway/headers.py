"""Headers in and out: identity, conditions, languages, and what keeps browsers safe."""

import re
import secrets
import zlib
from collections.abc import Sequence

from comptoir_gateway.problems import Header, Problem, invalid
from comptoir_runtime.errors import Violation

IDEMPOTENCY_KEY = "Idempotency-Key"
MAX_KEY_LENGTH = 255

PRIVATE: Header = (b"cache-control", b"private, no-store")
# May be kept, must be asked about: nothing personal, but it can change at any moment.
REVALIDATE: Header = (b"cache-control", b"no-cache")

SECURITY: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)
STRICT: tuple[Header, ...] = ((b"strict-transport-security", b"max-age=31536000"),)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_PRINTABLE = re.compile(r"[\x20-\x7e]+")
_ENTITY_TAG = re.compile(r'\s*(?:W/)?"([^"]*)"\s*|\s*([^",\s]+)\s*')
_LANGUAGES = re.compile(r"[A-Za-z0-9*,;=.\s-]{1,200}")
_ASKED = (
    b"Authorization, Content-Type, Accept-Language, Idempotency-Key, If-Match, If-None-Match, "
    b"Last-Event-ID, X-Request-Id, traceparent"
)
# Between the version of a resource and the checksum of how it was shown.
_MARK = ";"


def request_id(given: str | None) -> str:
    """The caller's id of a request when it is a sane one, else a new one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return secrets.token_hex(8)


def idempotency_key(given: str | None) -> str | None:
    """The key, unchanged; 400 when it is empty, longer than 255 or not printable ASCII."""
    if given is None:
        return None
    if not 1 <= len(given) <= MAX_KEY_LENGTH or not _PRINTABLE.fullmatch(given):
        description = f"must have 1 to {MAX_KEY_LENGTH} printable ASCII characters"
        raise invalid(Violation(IDEMPOTENCY_KEY, description))
    return given


def entity_tag(version: str, body: bytes) -> bytes:
    """The ETag of a resource of this version shown as `body`.

    The version alone would not do: prices and texts of a cart may change while it does not.
    """
    return f'"{version}{_MARK}{zlib.crc32(body):08x}"'.encode()


def expected_version(if_match: str | None) -> str | None:
    """The version a write was made on: an ETag of ours, or the bare `etag` of a body.

    None without the header and for `*`, which every version matches.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = _ENTITY_TAG.fullmatch(if_match)
    version = (found[1] or found[2] or "").partition(_MARK)[0] if found else ""
    if not version:
        raise invalid(Violation("If-Match", "must be one entity tag"))
    return version


def none_match(header: str | None, tag: bytes) -> bool:
    """Whether the client has what `tag` stands for (weak comparison)."""
    if header is None:
        return False
    wanted = tag.decode()
    given = (each.strip().removeprefix("W/") for each in header.split(","))
    return any(each in ("*", wanted) for each in given)


def languages(header: str | None) -> str | None:
    """Accept-Language when it looks like one; anything else is as good as nothing."""
    return header if header is not None and _LANGUAGES.fullmatch(header) else None


def require_json(content_type: str | None, encoding: str | None) -> None:
    """415 unless the body is plain JSON in UTF-8."""
    kind, *parameters = (content_type or "").lower().split(";")
    charsets = {each.strip() for each in parameters} - {""}
    if kind.strip() != "application/json" or charsets - {"charset=utf-8", 'charset="utf-8"'}:
        detail = "the body must be application/json in UTF-8"
        raise Problem(415, "UNSUPPORTED_MEDIA_TYPE", detail)
    if encoding not in (None, "", "identity"):
        detail = "a compressed body is not accepted"
        raise Problem(415, "UNSUPPORTED_MEDIA_TYPE", detail)


class Cors:
    """Which pages of other origins may call; none unless they are listed."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(origins)

    def allows(self, origin: str | None) -> list[Header]:
        """The headers that let a page of `origin` read the answer."""
        if origin is None or not (self._any or self._origins):
            return []
        exposed = (
            b"access-control-expose-headers",
            b"ETag, Retry-After, X-Request-Id, Idempotent-Replayed",
        )
        if self._any:
            return [(b"access-control-allow-origin", b"*"), exposed]
        if origin not in self._origins:
            return [(b"vary", b"Origin")]
        return [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"vary", b"Origin"),
            exposed,
        ]

    def preflight(self, origin: str | None, methods: Sequence[str]) -> list[Header]:
        """The headers that answer a browser's question before the call itself."""
        granted = self.allows(origin)
        if not any(name == b"access-control-allow-origin" for name, _ in granted):
            return granted
        return [
            *granted,
            (b"access-control-allow-methods", ", ".join(methods).encode()),
            (
                b"access-control-allow-headers",
                _ASKED,
            ),
            (b"access-control-max-age", b"7200"),
        ]
