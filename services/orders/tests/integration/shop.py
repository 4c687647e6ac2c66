"""A shop that is open: orders placed through gRPC, with what a test wants to look at."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from comptoir.orders.v1 import order_pb2
from comptoir.orders.v1 import orders_service_pb2 as pb
from comptoir_orders.domain import schedule
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.orders.tests import factories
from services.orders.tests.factories import unique
from services.orders.tests.neighbours import Town
from services.orders.tests.stock import LYON, PARIS

_UNTIL_SECONDS = 30.0
Asked = TypeVar("Asked")


class Shop:
    """Customer `cus_test` buys, a packer packs, the back office sees everything."""

    def __init__(self, harness: ServiceHarness, town: Town) -> None:
        self.harness = harness
        self.town = town
        tokens = harness.tokens
        self.customer = tokens.customer("cus_test")
        self.packer = tokens.staff("fulfilment.write")
        self.office = tokens.staff("orders.read", "orders.write")
        self.till = tokens.staff("sales.record", subject="stf_till")

    async def place(self, cart: str = "", token: str = "tok_ok") -> order_pb2.Placement:
        """Two kettles and a lamp; 74.90 EUR with 4.90 delivery."""
        cart = cart or f"crt_{unique()}"
        if cart not in self.town.carts.quotes:
            self.town.carts.add(factories.quote(cart))
        request = factories.place_order(cart, token=token)
        placement: order_pb2.Placement = await self.harness.call(
            "PlaceOrder", request, self.customer
        )
        return placement

    async def order(self, **stock: Any) -> order_pb2.Order:
        """A placed order."""
        return await self.get((await self.place()).order)

    async def order_in_two_parcels(self) -> order_pb2.Order:
        """Kettles from Lyon (50.00 + 4.90), the lamp from Paris (20.00)."""
        self.town.stock.units = {LYON: {"KETTLE": 9}, PARIS: {"LAMP": 9}}
        return await self.order()

    async def get(self, order: str) -> order_pb2.Order:
        request = pb.GetOrderRequest(order=order)
        found: order_pb2.Order = await self.harness.call("GetOrder", request, self.office)
        return found

    async def ship(self, fulfilment: str, etag: str = "") -> order_pb2.Fulfilment:
        request = pb.ShipFulfilmentRequest(
            fulfilment=fulfilment,
            request_id=unique(),
            etag=etag,
            carrier="colissimo",
            tracking_number="6A123",
        )
        shipped: order_pb2.Fulfilment = await self.harness.call(
            "ShipFulfilment", request, self.packer
        )
        return shipped

    async def hand_over(self, fulfilment: str) -> order_pb2.Fulfilment:
        request = pb.HandOverRequest(fulfilment=fulfilment, request_id=unique())
        done: order_pb2.Fulfilment = await self.harness.call("HandOver", request, self.packer)
        return done

    async def cancel(self, order: str, **fields: str) -> order_pb2.Order:
        request = pb.CancelOrderRequest(
            **{"order": order, "request_id": unique(), "reason": "too late", **fields}
        )
        cancelled: order_pb2.Order = await self.harness.call("CancelOrder", request, self.customer)
        return cancelled

    async def until_captured(
        self, order: str, amount: str, *, step: float = 0.0
    ) -> order_pb2.Order:
        """The order, once so much was taken for it; at each look time goes on by a step."""
        async with asyncio.timeout(_UNTIL_SECONDS):
            while (found := await self.get(order)).captured.amount != amount:
                self.harness.clock.advance(step)
                await asyncio.sleep(0.01)
        return found

    async def in_time(self, ask: Callable[[], Awaitable[Asked]]) -> Asked:
        """Time goes on, and the same is asked again, until it is no longer under way."""
        async with asyncio.timeout(_UNTIL_SECONDS):
            while True:
                self.harness.clock.advance(10)
                try:
                    return await ask()
                except RemoteFailure as refused:
                    if not refused.reason.endswith("_UNDER_WAY"):
                        raise
                await asyncio.sleep(0.05)

    async def until_overdue(self, order: str) -> tuple[int, str]:
        """What staff are shown an hour later: kind and trouble of what is about the order."""
        self.harness.clock.advance((schedule.REVIEW + timedelta(minutes=1)).total_seconds())
        async with asyncio.timeout(_UNTIL_SECONDS):
            while True:
                request = pb.ListOverdueProcessesRequest()
                listed = await self.harness.call("ListOverdueProcesses", request, self.office)
                for each in listed.processes:
                    if each.order == order and each.trouble:
                        return each.kind, each.trouble
                await asyncio.sleep(0.02)

    async def events(self) -> list[str]:
        """The names of the facts told, oldest first."""
        return [type(event).__name__ for event in await self.harness.events()]
