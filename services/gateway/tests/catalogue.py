"""A small catalogue for the pages: answers of the services, and their states on the bus."""

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import Message

from comptoir.cart.v1 import cart_service_pb2, price_pb2
from comptoir.cart.v1 import events_pb2 as cart_events
from comptoir.inventory.v1 import events_pb2 as inventory_events
from comptoir.inventory.v1 import inventory_service_pb2, stock_pb2
from comptoir.pim.v1 import events_pb2 as pim_events
from comptoir.pim.v1 import pim_service_pb2, product_pb2
from comptoir.type.v1 import money_pb2
from comptoir_runtime.bus import Bus, streams
from comptoir_runtime.errors import NotFound
from comptoir_runtime.event_options import Kind, event_type, event_types_of

RELATED = ("B", "C")


class ProductNotPublished(NotFound):
    pass


def product(sku: str, name: str = "", related: Sequence[str] = ()) -> product_pb2.PublishedProduct:
    associations = [product_pb2.Association(type="X_SELL", skus=list(related))] if related else []
    return product_pb2.PublishedProduct(
        id=f"prd_{sku}", sku=sku, name=name or f"Product {sku}", associations=associations, etag="1"
    )


def price(sku: str, amount: str) -> price_pb2.ResolvedPrice:
    money = money_pb2.Money(currency="EUR", amount=amount)
    return price_pb2.ResolvedPrice(sku=sku, amount=money, price_list="base", tax_included=True)


def store(code: str, latitude: float, longitude: float) -> stock_pb2.Location:
    location = stock_pb2.Location(
        code=code, kind=stock_pb2.Location.KIND_STORE, name=f"Magasin {code}", active=True
    )
    location.address.city = code.title()
    location.address.point.latitude = latitude
    location.address.point.longitude = longitude
    return location


def availability(sku: str, **by_location: int) -> stock_pb2.Availability:
    levels = [
        stock_pb2.StockLevel(location=code, available=units) for code, units in by_location.items()
    ]
    total = sum(by_location.values())
    return stock_pb2.Availability(sku=sku, available=total, levels=levels, revision=1)


class Shop:
    """What the services know; a test changes it and announces the change, or does not."""

    def __init__(self) -> None:
        self.names = {"A": "Veste", "B": "Bonnet", "C": "Gants"}
        self.amounts = {"A": "89.90", "B": "19.90", "C": "24.90"}
        self.stock = {"A": {"lyon": 3, "paris": 1}, "B": {"lyon": 2}}
        self.stores = [store("lyon", 45.76, 4.84), store("paris", 48.86, 2.35)]

    def product(self, sku: str) -> product_pb2.PublishedProduct:
        return product(sku, self.names[sku], RELATED if sku == "A" else ())

    async def get_product(self, request: Any, _: Any) -> Message:
        if request.product not in self.names:
            raise ProductNotPublished("not shown")
        return self.product(request.product)

    async def list_products(self, request: Any, _: Any) -> Message:
        skus = list(request.skus) or list(self.names)
        shown = [self.product(sku) for sku in skus if sku in self.names]
        return pim_service_pb2.ListPublishedProductsResponse(products=shown)

    async def get_prices(self, request: Any, metadata: dict[str, str]) -> Message:
        cheaper = "authorization" in metadata
        amounts = {sku: "1.00" if cheaper else self.amounts[sku] for sku in request.skus}
        return cart_service_pb2.GetPricesResponse(
            prices=[price(sku, amount) for sku, amount in amounts.items()]
        )

    async def get_availability(self, request: Any, _: Any) -> Message:
        figures = [availability(sku, **self.stock.get(sku, {})) for sku in request.skus]
        return inventory_service_pb2.GetAvailabilityResponse(availability=figures)

    async def list_locations(self, _request: Any, _: Any) -> Message:
        return inventory_service_pb2.ListLocationsResponse(locations=self.stores)

    @property
    def answers(self) -> dict[str, Any]:
        """For `FakeServices.answers`."""
        return {
            "GetPublishedProduct": self.get_product,
            "ListPublishedProducts": self.list_products,
            "GetPrices": self.get_prices,
            "GetAvailability": self.get_availability,
            "ListLocations": self.list_locations,
        }

    def states(self) -> list[Message]:
        """Everything as the bus would tell it."""
        return [
            *(self.product_state(sku) for sku in self.names),
            *(cart_events.PriceState(sku=sku) for sku in self.amounts),
            *(self.stock_state(sku) for sku in self.stock),
            *(
                inventory_events.LocationState(code=each.code, location=each)
                for each in self.stores
            ),
        ]

    def product_state(self, sku: str) -> Message:
        return pim_events.ProductState(product_id=f"prd_{sku}", sku=sku)

    def stock_state(self, sku: str) -> Message:
        figures = availability(sku, **self.stock[sku])
        return inventory_events.AvailabilityState(sku=sku, availability=figures)


async def make_streams(bus: Bus) -> None:
    """The streams that the services would have made."""
    await bus.connected()
    for service in ("pim", "cart", "inventory"):
        await streams.ensure(bus, service, Kind.STATE, event_types_of(service))


async def announce(bus: Bus, *states: Message) -> None:
    """Publishes states as the relays of the services do."""
    for state in states:
        kind = event_type(type(state))
        await bus.client.jetstream().publish(
            kind.subject(state), state.SerializeToString(), headers={"ce-type": kind.name}
        )
