"""A product with the caller's price, its stock, the stores near them and what goes with it."""

import asyncio
from collections.abc import Mapping

import orjson

from comptoir_gateway.cache import Stock, Topic
from comptoir_gateway.cache.news import LOCATIONS, topics
from comptoir_gateway.problems import from_failure
from comptoir_gateway.transcode.codec import array
from comptoir_gateway.transcode.fields import clean, point
from comptoir_gateway.views.page import KeptPages, Page, checked, query_of, visit_of
from comptoir_gateway.views.parts import Missing, Parts, Shown, Visit, members
from comptoir_gateway.web import Request, Response
from comptoir_runtime.addresses import Point, point_of
from comptoir_runtime.errors import Failure

_NULL = b"null"


class ProductPage:
    """GET /v1/pages/products/{product}"""

    def __init__(self, parts: Parts, kept: KeptPages) -> None:
        self._parts = parts
        self._kept = kept

    async def __call__(self, request: Request, path: Mapping[str, str]) -> Response:
        kept = self._kept.find(request)
        if kept is not None:
            return kept
        query = query_of(request, ("channel", "locale", "near"))
        visit = visit_of(request, query)
        product = checked("product", path["product"], clean)
        near = point_of(checked("near", query["near"], point)) if query.get("near") else None
        made, missing = self._parts.news.now, Missing()
        try:
            shown = await self._parts.product(product, visit)
            page = await self._assemble(shown, near, visit, missing)
        except Failure as failure:
            raise from_failure(failure) from None
        if not missing.parts:
            self._kept.keep(request, page, made, topics_of(shown))
        return page.answer(request)

    async def _assemble(
        self, shown: Shown, near: Point | None, visit: Visit, missing: Missing
    ) -> Page:
        parts, sku = self._parts, shown.sku
        prices, stock, related = await asyncio.gather(
            missing.without("price", parts.prices([sku], visit)),
            missing.without("availability", parts.stock([sku], visit.channel, visit)),
            missing.without("related", parts.related(shown.related, visit)),
        )
        figures = (stock or {}).get(sku)
        stores = b"[]" if near is None else await self._stores(near, figures, visit, missing)
        body = members(
            [
                ("product", shown.json),
                ("price", (prices or {}).get(sku, _NULL)),
                ("availability", _NULL if figures is None else parts.stock_json(figures)),
                ("stores", stores),
                ("related", _NULL if related is None else array([each.json for each in related])),
                ("degraded", orjson.dumps(missing.parts)),
            ]
        )
        return Page(body)

    async def _stores(
        self, near: Point, figures: Stock | None, visit: Visit, missing: Missing
    ) -> bytes:
        if figures is None:
            missing.parts.append({"part": "stores", "reason": missing.parts[-1]["reason"]})
            return _NULL
        making = self._parts.stores(near, figures, visit)
        return orjson.dumps(await missing.without("stores", making))


def topics_of(shown: Shown) -> list[Topic]:
    """What a change of must drop the page."""
    sku = shown.sku
    changes = [("product", sku), ("price", sku), ("stock", sku), LOCATIONS]
    return [*changes, *topics("product", shown.related)]
