"""What has changed, and whether we would know: the state events of pim, cart and inventory."""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from comptoir.cart.v1 import events_pb2 as cart_events
from comptoir.inventory.v1 import events_pb2 as inventory_events
from comptoir.pim.v1 import events_pb2 as pim_events
from comptoir_gateway.cache.stock import StockBook
from comptoir_runtime.bus import Bus, Follower

Topic: TypeAlias = tuple[str, str]
"""What an answer was made from, such as ("price", sku)."""

ANY_PRODUCT: Topic = ("product", "*")
LOCATIONS: Topic = ("location", "*")
_EVERYTHING: Topic = ("*", "*")
# How long after a lost connection the news of the meantime may still be on its way.
SETTLING_SECONDS = 2.0


class News:
    """A clock that ticks with every change, and when each topic ticked last.

    Made inside the event loop; follows until `close`.
    """

    def __init__(
        self, bus: Bus, book: StockBook, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._bus = bus
        self._book = book
        self._last: dict[Topic, int] = {}
        self.now = 0
        """Number of changes seen so far."""
        self._clock = clock
        self._live_from = math.inf
        self._followers: list[Follower] = []
        self._settling: asyncio.Task[None] | None = None
        self._unobserve = bus.on_change(self._connection_changed)

    def follow(self) -> None:
        """Begins to follow; harmless while NATS is away."""
        inventory = [inventory_events.AvailabilityState, inventory_events.LocationState]
        self._followers = [
            Follower(self._bus, [pim_events.ProductState], self._product),
            Follower(self._bus, [cart_events.PriceState], self._price),
            Follower(self._bus, inventory, self._inventory),
        ]
        self._settling = asyncio.get_running_loop().create_task(self._catch_up())

    async def close(self) -> None:
        """Stops following."""
        self._unobserve()
        if self._settling is not None:
            self._settling.cancel()
        for follower in self._followers:
            await follower.close()

    @property
    def live(self) -> bool:
        """Whether changes reach us now; without that, nothing kept may be used."""
        return self._bus.is_connected and self._clock() >= self._live_from

    def fresh(self, made: int, topics: Iterable[Topic]) -> bool:
        """Whether nothing in `topics` has changed since the moment `made`."""
        last = self._last
        if last.get(_EVERYTHING, 0) > made:
            return False
        return all(last.get(topic, 0) <= made for topic in topics)

    def caught_up(self) -> None:
        """From here on all there was is known."""
        self._live_from = self._clock()

    def tick(self, *topics: Topic) -> None:
        """Notes a change."""
        self.now += 1
        for topic in topics:
            self._last[topic] = self.now

    async def _catch_up(self) -> None:
        for follower in self._followers:
            await follower.caught_up()
        self.caught_up()

    def _connection_changed(self) -> None:
        # What happened while nobody listened is not known: all that was kept is worthless.
        self.tick(_EVERYTHING)
        if self._live_from != math.inf:
            self._live_from = self._clock() + SETTLING_SECONDS

    def _product(self, event: pim_events.ProductState) -> None:
        self.tick(("product", event.sku), ANY_PRODUCT)

    def _price(self, event: cart_events.PriceState) -> None:
        self.tick(("price", event.sku))

    def _inventory(self, event: Any) -> None:
        if isinstance(event, inventory_events.AvailabilityState):
            self._book.learn_stock(event)
            self.tick(("stock", event.sku))
        else:
            self._book.learn_location(event.location)
            self.tick(LOCATIONS)


def topics(kind: str, skus: Sequence[str]) -> list[Topic]:
    """One topic per sku."""
    return [(kind, sku) for sku in skus]
