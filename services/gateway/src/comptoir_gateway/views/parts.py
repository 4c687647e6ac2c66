"""The parts of pages: from memory while they are true, else from their service."""

import time
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import grpc

from comptoir.cart.v1 import cart_service_pb2, price_pb2
from comptoir.inventory.v1 import inventory_service_pb2, stock_pb2
from comptoir.pim.v1 import pim_service_pb2, product_pb2
from comptoir_gateway.backends import Backends, Metadata
from comptoir_gateway.cache import Answers, News, Stock, StockBook, Topic
from comptoir_gateway.cache.news import ANY_PRODUCT, topics
from comptoir_gateway.transcode import Codecs
from comptoir_runtime.addresses import Point, kilometres
from comptoir_runtime.errors import Failure

T = TypeVar("T")

PAGE_SECONDS = 3.0
MAX_RELATED = 12
RELATED_TYPE = "X_SELL"
# Which channel is meant when none is named, as pim and cart have it.
DEFAULT_CHANNEL = "web"
_PART_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looks at a page, from where, and how long they wait."""

    channel: str
    locale: str
    languages: str
    """Accept-Language; counts when no locale is given."""
    metadata: Metadata
    own_prices: bool
    """Whether the caller's prices may differ from everybody's."""
    deadline: float = field(default_factory=lambda: time.monotonic() + PAGE_SECONDS)

    @property
    def seconds(self) -> float:
        """What is left of the time for the page."""
        return max(0.0, self.deadline - time.monotonic())

    @property
    def anonymous(self) -> Metadata:
        """The metadata for parts that are the same for everybody: a token that has expired does
        not close the shop window.
        """
        return [each for each in self.metadata if each[0] != "authorization"]

    @property
    def language(self) -> tuple[str, str]:
        """What decides the language of the texts."""
        return (self.locale, "" if self.locale else self.languages)


@dataclass(frozen=True, slots=True)
class Shown:
    """A published product, ready to be put into a page."""

    sku: str
    json: bytes
    related: tuple[str, ...]
    """Skus that go with it."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of published products."""

    products: tuple[Shown, ...]
    next_page_token: str


class Missing:
    """Collects what a page lacks, with the reason."""

    def __init__(self) -> None:
        self.parts: list[dict[str, str]] = []

    async def without(self, part: str, making: Awaitable[T]) -> T | None:
        """The part, or None when its service does not give it.

        A token that is refused is no missing part: the caller has to hear of it.
        """
        try:
            return await making
        except Failure as failure:
            if failure.status is grpc.StatusCode.UNAUTHENTICATED:
                raise
            self.parts.append({"part": part, "reason": failure.reason})
            return None


class Parts:
    """Where pages get their parts. Failures of the services are raised as they come."""

    def __init__(self, backends: Backends, codecs: Codecs, news: News, book: StockBook) -> None:
        self.news = news
        self._book = book
        self._product = backends.procedure("pim", "GetPublishedProduct")
        self._listing = backends.procedure("pim", "ListPublishedProducts")
        self._prices = backends.procedure("cart", "GetPrices")
        self._availability = backends.procedure("inventory", "GetAvailability")
        self._locations = backends.procedure("inventory", "ListLocations")
        self._product_json = codecs.of(product_pb2.PublishedProduct.DESCRIPTOR)
        self._price_json = codecs.of(price_pb2.ResolvedPrice.DESCRIPTOR)
        self._stock_json = codecs.of(stock_pb2.Availability.DESCRIPTOR)
        self._known_products: Answers[tuple[object, ...], Shown] = Answers(
            "products", news, max_bytes=_PART_BYTES, size=lambda shown: len(shown.json)
        )
        self._known_listings: Answers[tuple[object, ...], Listing] = Answers(
            "listings",
            news,
            max_bytes=_PART_BYTES,
            size=lambda listing: sum(len(shown.json) for shown in listing.products),
        )
        self._known_prices: Answers[tuple[str, str], bytes] = Answers(
            "prices", news, max_bytes=_PART_BYTES, size=len
        )

    async def product(self, product: str, visit: Visit) -> Shown:
        """A published product by id or sku."""
        key = (product, visit.channel, *visit.language)
        known = self._known_products.get(key)
        if known is not None:
            return known
        made = self.news.now
        request = pim_service_pb2.GetPublishedProductRequest(
            product=product, channel=visit.channel, locale=visit.locale
        )
        payload = await self._product(request.SerializeToString(), visit.anonymous, visit.seconds)
        shown = self._shown(product_pb2.PublishedProduct.FromString(payload), payload)
        self._known_products.put(key, shown, made, [("product", shown.sku)])
        return shown

    async def related(self, skus: Sequence[str], visit: Visit) -> tuple[Shown, ...]:
        """The published ones of some products, in the order given."""
        if not skus:
            return ()
        request = pim_service_pb2.ListPublishedProductsRequest(
            channel=visit.channel, locale=visit.locale, skus=skus, page_size=len(skus)
        )
        listing = await self._list(request, visit, topics("product", skus))
        by_sku = {shown.sku: shown for shown in listing.products}
        return tuple(by_sku[sku] for sku in skus if sku in by_sku)

    async def listing(
        self, category: str, page_size: int, page_token: str, visit: Visit
    ) -> Listing:
        """A page of what a channel shows."""
        request = pim_service_pb2.ListPublishedProductsRequest(
            channel=visit.channel,
            locale=visit.locale,
            category=category,
            page_size=page_size,
            page_token=page_token,
        )
        return await self._list(request, visit, [ANY_PRODUCT])

    async def _list(
        self,
        request: pim_service_pb2.ListPublishedProductsRequest,
        visit: Visit,
        made_from: Sequence[Topic],
    ) -> Listing:
        payload = request.SerializeToString()
        key = (payload, *visit.language)
        known = self._known_listings.get(key)
        if known is not None:
            return known
        made = self.news.now
        answer = pim_service_pb2.ListPublishedProductsResponse.FromString(
            await self._listing(payload, visit.anonymous, visit.seconds)
        )
        shown = tuple(self._shown(each, each.SerializeToString()) for each in answer.products)
        listing = Listing(shown, answer.next_page_token)
        self._known_listings.put(key, listing, made, made_from)
        return listing

    def _shown(self, product: product_pb2.PublishedProduct, payload: bytes) -> Shown:
        related = dict.fromkeys(
            sku
            for association in product.associations
            if association.type == RELATED_TYPE
            for sku in association.skus
        )
        first = tuple(related)[:MAX_RELATED]
        return Shown(product.sku, self._product_json.to_json(payload), first)

    async def prices(self, skus: Sequence[str], visit: Visit) -> dict[str, bytes]:
        """The caller's price of each sku, as JSON."""
        if visit.own_prices:
            return await self._ask_prices(skus, visit)
        found = {sku: self._known_prices.get((sku, visit.channel)) for sku in skus}
        prices = {sku: price for sku, price in found.items() if price is not None}
        unknown = [sku for sku in found if sku not in prices]
        if unknown:
            made = self.news.now
            asked = await self._ask_prices(unknown, visit)
            for sku, price in asked.items():
                self._known_prices.put((sku, visit.channel), price, made, [("price", sku)])
            prices |= asked
        return prices

    async def _ask_prices(self, skus: Sequence[str], visit: Visit) -> dict[str, bytes]:
        request = cart_service_pb2.GetPricesRequest(skus=skus, channel=visit.channel)
        metadata = visit.metadata if visit.own_prices else visit.anonymous
        payload = await self._prices(request.SerializeToString(), metadata, visit.seconds)
        answer = cart_service_pb2.GetPricesResponse.FromString(payload)
        return {
            price.sku: self._price_json.to_json(price.SerializeToString())
            for price in answer.prices
        }

    async def stock(self, skus: Sequence[str], channel: str, visit: Visit) -> dict[str, Stock]:
        """What of each sku can be promised to orders of a channel."""
        channel = channel or DEFAULT_CHANNEL
        if not skus:
            return {}
        if self.news.live:
            return {sku: self._book.stock(sku, channel) for sku in skus}
        request = inventory_service_pb2.GetAvailabilityRequest(
            skus=list(dict.fromkeys(skus)), by_location=True, channel=channel
        )
        payload = await self._availability(
            request.SerializeToString(), visit.anonymous, visit.seconds
        )
        answer = inventory_service_pb2.GetAvailabilityResponse.FromString(payload)
        return {figures.sku: Stock.of(figures) for figures in answer.availability}

    def stock_json(self, stock: Stock) -> bytes:
        """The figures as JSON."""
        return self._stock_json.to_json(stock.message)

    async def stores(self, near: Point, stock: Stock, visit: Visit) -> list[dict[str, object]]:
        """The active stores with what they have, nearest first."""
        book = self._book if self.news.live else await self._ask_stores(visit)
        by_distance = sorted(
            ((kilometres(near, place.point), place) for place in book.stores.values()),
            key=lambda each: (each[0], each[1].code),
        )
        return [
            {
                "location": place.code,
                "name": place.name,
                "city": place.city,
                "distanceKm": round(distance, 1),
                "available": stock.by_location.get(place.code, 0),
            }
            for distance, place in by_distance
        ]

    async def _ask_stores(self, visit: Visit) -> StockBook:
        request = inventory_service_pb2.ListLocationsRequest(
            kind=stock_pb2.Location.KIND_STORE, page_size=100
        )
        payload = await self._locations(request.SerializeToString(), visit.anonymous, visit.seconds)
        answer = inventory_service_pb2.ListLocationsResponse.FromString(payload)
        book = StockBook()
        for location in answer.locations:
            book.learn_location(location)
        return book


def members(pairs: Iterable[tuple[str, bytes]]) -> bytes:
    """A JSON object of members that are JSON already."""
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), value) for name, value in pairs) + b"}"
