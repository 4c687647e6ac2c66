"""What the pages have in common: their query, their answer, and the answers that are kept."""

import gzip
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from comptoir_gateway import auth, headers
from comptoir_gateway.cache import Answers, News, Topic
from comptoir_gateway.problems import invalid
from comptoir_gateway.transcode.binding import parsed_query
from comptoir_gateway.transcode.calls import metadata_of
from comptoir_gateway.views.parts import Visit
from comptoir_gateway.web import HeaderList, Request, Response
from comptoir_gateway.web.app import COMPRESS_FROM
from comptoir_gateway.web.exchange import JSON
from comptoir_runtime.errors import Violation

T = TypeVar("T")

# Short: a shop window may be two seconds old, and a crowd of browsers asks once.
PUBLIC = (b"cache-control", b"public, max-age=2")
# Longer ones are no addresses anybody links to.
MAX_ADDRESS = 500
_KEPT_BYTES = 64 * 1024 * 1024
VARY = (b"vary", b"Authorization, Accept-Language, Accept-Encoding")


@dataclass(slots=True)
class Page:
    """The bytes of a page and what goes with them."""

    body: bytes
    tag: bytes = b""
    head: HeaderList = field(default_factory=list)
    packed_head: HeaderList = field(default_factory=list)
    packed: bytes | None = None

    def __post_init__(self) -> None:
        self.tag = b'"%08x%x"' % (zlib.crc32(self.body), len(self.body))
        self.head = [JSON, (b"etag", self.tag), PUBLIC, VARY]
        weak = (b"etag", b"W/" + self.tag)
        self.packed_head = [JSON, weak, PUBLIC, VARY, (b"content-encoding", b"gzip")]

    def answer(self, request: Request) -> Response:
        """The page as this client wants it."""
        given = request.headers
        if "authorization" in given:
            return Response(200, self.body, [JSON, headers.PRIVATE, VARY])
        if headers.none_match(given.get("if-none-match"), self.tag):
            return Response(304, headers=[(b"etag", self.tag), PUBLIC, VARY])
        if len(self.body) < COMPRESS_FROM or "gzip" not in given.get("accept-encoding", ""):
            return Response(200, self.body, self.head)
        if self.packed is None:
            self.packed = gzip.compress(self.body, 5, mtime=0)
        return Response(200, self.packed, self.packed_head, packed=True)

    @property
    def size(self) -> int:
        """Bytes it takes in memory, about."""
        return 2 * len(self.body) + 1000


class KeptPages:
    """Pages that everybody sees, by address and language."""

    def __init__(self, news: News) -> None:
        self._news = news
        self._pages: Answers[tuple[str, bytes, str], Page] = Answers(
            "pages", news, max_bytes=_KEPT_BYTES, size=lambda page: page.size
        )

    def find(self, request: Request) -> Response | None:
        """The answer, when the page is kept and this caller sees what everybody sees."""
        page = self._pages.get(_key_of(request))
        if page is None or _may_have_own_prices(request):
            return None
        return page.answer(request)

    def keep(self, request: Request, page: Page, made: int, topics: Sequence[Topic]) -> None:
        """Keeps a page made from `topics`, begun at the moment `made` of the news."""
        short = len(request.path) + len(request.query) <= MAX_ADDRESS
        if short and not _may_have_own_prices(request):
            self._pages.put(_key_of(request), page, made, topics)


def _key_of(request: Request) -> tuple[str, bytes, str]:
    return (request.path, request.query, languages_of(request))


def _may_have_own_prices(request: Request) -> bool:
    return auth.may_have_own_prices(auth.authorization(request.headers.get("authorization")))


def languages_of(request: Request) -> str:
    """Accept-Language, empty when there is none to speak of."""
    return headers.languages(request.headers.get("accept-language")) or ""


def query_of(request: Request, names: Sequence[str]) -> dict[str, str]:
    """The parameters of a page; raises a 400 problem that names what does not belong there."""
    found: dict[str, str] = {}
    violations = []
    for name, text in parsed_query(request.query):
        if name not in names:
            violations.append(Violation(name, "is not a parameter of this page"))
        elif name in found:
            violations.append(Violation(name, "is given twice"))
        elif "\x00" in text:
            violations.append(Violation(name, "must not contain the character U+0000"))
        else:
            found[name] = text
    if violations:
        raise invalid(*violations)
    return found


def checked(name: str, text: str, check: Callable[[str], T]) -> T:
    """What a parameter says; raises a 400 problem when `check` raises ValueError."""
    try:
        return check(text)
    except ValueError as error:
        raise invalid(Violation(name, str(error))) from None


def visit_of(request: Request, query: Mapping[str, str]) -> Visit:
    """The visit behind a request."""
    return Visit(
        channel=query.get("channel", ""),
        locale=query.get("locale", ""),
        languages=languages_of(request),
        metadata=metadata_of(request),
        own_prices=_may_have_own_prices(request),
    )
