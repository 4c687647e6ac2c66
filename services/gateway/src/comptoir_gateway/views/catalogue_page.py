"""Products of a category with prices and stock."""

import asyncio
from collections.abc import Mapping

import orjson

from comptoir_gateway.cache.news import ANY_PRODUCT, LOCATIONS, topics
from comptoir_gateway.problems import from_failure, invalid
from comptoir_gateway.transcode.codec import array
from comptoir_gateway.views.page import KeptPages, Page, query_of, visit_of
from comptoir_gateway.views.parts import Listing, Missing, Parts, Visit, members
from comptoir_gateway.web import Request, Response
from comptoir_runtime.errors import Failure, Violation

_NULL = b"null"
_PARAMETERS = ("category", "channel", "locale", "pageSize", "pageToken")


class CataloguePage:
    """GET /v1/pages/catalogue"""

    def __init__(self, parts: Parts, kept: KeptPages) -> None:
        self._parts = parts
        self._kept = kept

    async def __call__(self, request: Request, path: Mapping[str, str]) -> Response:
        kept = self._kept.find(request)
        if kept is not None:
            return kept
        query = query_of(request, _PARAMETERS)
        visit = visit_of(request, query)
        size = page_size(query.get("pageSize", ""))
        made, missing = self._parts.news.now, Missing()
        try:
            listing = await self._parts.listing(
                query.get("category", ""), size, query.get("pageToken", ""), visit
            )
            page = await self._assemble(listing, visit, missing)
        except Failure as failure:
            raise from_failure(failure) from None
        if not missing.parts:
            skus = [shown.sku for shown in listing.products]
            changes = [ANY_PRODUCT, LOCATIONS, *topics("price", skus), *topics("stock", skus)]
            self._kept.keep(request, page, made, changes)
        return page.answer(request)

    async def _assemble(self, listing: Listing, visit: Visit, missing: Missing) -> Page:
        parts = self._parts
        skus = [shown.sku for shown in listing.products]
        prices, stock = await asyncio.gather(
            missing.without("price", parts.prices(skus, visit)),
            missing.without("availability", parts.stock(skus, visit.channel, visit)),
        )
        items = []
        for shown in listing.products:
            figures = (stock or {}).get(shown.sku)
            items.append(
                members(
                    [
                        ("product", shown.json),
                        ("price", (prices or {}).get(shown.sku, _NULL)),
                        ("availability", _NULL if figures is None else parts.stock_json(figures)),
                    ]
                )
            )
        body = members(
            [
                ("items", array(items)),
                ("nextPageToken", orjson.dumps(listing.next_page_token)),
                ("degraded", orjson.dumps(missing.parts)),
            ]
        )
        return Page(body)


def page_size(text: str) -> int:
    """A number of products; 0 leaves it to the service."""
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise invalid(Violation("pageSize", "must be a whole number, not negative"))
    return int(text)
