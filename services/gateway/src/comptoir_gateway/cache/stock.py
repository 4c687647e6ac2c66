"""Stock and stores as inventory last told them: figures for pages, never for promises."""

from collections.abc import Collection
from dataclasses import dataclass, field

from comptoir.inventory.v1 import events_pb2, stock_pb2
from comptoir_runtime.addresses import Point, point_of


@dataclass(frozen=True, slots=True)
class Stock:
    """What can be promised of one sku."""

    message: bytes
    """`comptoir.inventory.v1.Availability` on the wire, without figures by location."""
    by_location: dict[str, int]
    beyond: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    """By location that sells it beyond stock: units, and when the next one is expected (ns)."""

    @classmethod
    def of(cls, figures: stock_pb2.Availability) -> "Stock":
        """Takes the figures by location out of the message."""
        by_location = {level.location: level.available for level in figures.levels}
        beyond = {
            level.location: (level.backorder_available, _moment(level))
            for level in figures.levels
            if level.backorder_available
        }
        figures.ClearField("levels")
        return cls(figures.SerializeToString(), by_location, beyond)

    def without(self, closed: Collection[str]) -> "Stock":
        """The same without these locations."""
        open_ones = {code: here for code, here in self.by_location.items() if code not in closed}
        if len(open_ones) == len(self.by_location):
            return self
        beyond = {code: there for code, there in self.beyond.items() if code not in closed}
        total = stock_pb2.Availability.FromString(self.message)
        # Totals end somewhere, and a part is no more than they.
        total.available = min(total.available, sum(open_ones.values()))
        units = sum(units for units, _ in beyond.values())
        total.backorder_available = min(total.backorder_available, units)
        moments = [moment for _, moment in beyond.values() if moment is not None]
        total.ClearField("expected_time")
        if moments:
            total.expected_time.FromNanoseconds(min(moments))
        return Stock(total.SerializeToString(), open_ones, beyond)


@dataclass(frozen=True, slots=True)
class Place:
    """A store that is open to customers."""

    code: str
    name: str
    city: str
    point: Point


class StockBook:
    """Written by the followers, read by the pages; both in the event loop."""

    def __init__(self) -> None:
        self._stock: dict[str, Stock] = {}
        self.stores: dict[str, Place] = {}
        """Active stores whose position is known, by code."""
        self._channels: dict[str, frozenset[str]] = {}
        """Of locations that serve some channels only."""

    def stock(self, sku: str, channel: str) -> Stock:
        """The figures of a sku for a channel; nothing is available of one never stocked."""
        found = self._stock.get(sku)
        if found is None:
            return Stock(_nothing(sku), {})
        return found.without(
            [code for code, those in self._channels.items() if channel not in those]
        )

    def learn_stock(self, event: events_pb2.AvailabilityState) -> None:
        """Takes over new figures."""
        self._stock[event.sku] = Stock.of(event.availability)

    def learn_location(self, location: stock_pb2.Location) -> None:
        """Takes over a location; only stores that are active are shown."""
        if location.channels:
            self._channels[location.code] = frozenset(location.channels)
        else:
            self._channels.pop(location.code, None)
        shown = location.active and location.kind == stock_pb2.Location.KIND_STORE
        if not shown or not location.address.HasField("point"):
            self.stores.pop(location.code, None)
            return
        address = location.address
        self.stores[location.code] = Place(
            location.code, location.name, address.city, point_of(address.point)
        )


def _nothing(sku: str) -> bytes:
    return stock_pb2.Availability(sku=sku).SerializeToString()


def _moment(level: stock_pb2.StockLevel) -> int | None:
    return level.expected_time.ToNanoseconds() if level.HasField("expected_time") else None
