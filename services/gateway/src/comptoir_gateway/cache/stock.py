"""Stock and stores as inventory last told them: figures for pages, never for promises."""

from dataclasses import dataclass

from comptoir.inventory.v1 import events_pb2, stock_pb2
from comptoir_runtime.addresses import Point, point_of


@dataclass(frozen=True, slots=True)
class Stock:
    """What can be promised of one sku."""

    message: bytes
    """`comptoir.inventory.v1.Availability` on the wire, without figures by location."""
    by_location: dict[str, int]

    @classmethod
    def of(cls, figures: stock_pb2.Availability) -> "Stock":
        """Takes the figures by location out of the message."""
        by_location = {level.location: level.available for level in figures.levels}
        figures.ClearField("levels")
        return cls(figures.SerializeToString(), by_location)


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

    def stock(self, sku: str) -> Stock:
        """The figures of a sku; nothing is available of one that was never stocked."""
        return self._stock.get(sku) or Stock(_nothing(sku), {})

    def learn_stock(self, event: events_pb2.AvailabilityState) -> None:
        """Takes over new figures."""
        self._stock[event.sku] = Stock.of(event.availability)

    def learn_location(self, location: stock_pb2.Location) -> None:
        """Takes over a location; only stores that are active are kept."""
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
