"""Placements that are called off at every point there is, also by a driver's side."""

import asyncio
import contextlib

import pytest

from comptoir.orders.v1 import order_pb2
from comptoir.orders.v1 import orders_service_pb2 as pb
from comptoir_orders.clients import PaymentStatus
from comptoir_orders.domain.placement import State
from comptoir_orders.domain.tenders import TenderChoice
from comptoir_orders.errors import PaymentDeclined
from comptoir_orders.operations.abandoning import cancel_placement
from comptoir_orders.store.processes import Process
from comptoir_runtime.auth import Kind, Principal
from comptoir_runtime.clock import ManualClock
from comptoir_runtime.database import Database
from comptoir_runtime.errors import IdempotencyKeyReused, RemoteFailure
from comptoir_runtime.idempotency import RequestKey
from comptoir_testing.harness import ServiceHarness
from services.orders.tests import factories
from services.orders.tests.factories import unique
from services.orders.tests.integration.checkout import orders, outbox, place, the_placement
from services.orders.tests.integration.conftest import Replica
from services.orders.tests.integration.shop import Shop
from services.orders.tests.neighbours import Town

BUYER = Principal(Kind.CUSTOMER, "cus_test")
TENDERS = (TenderChoice("gift_card", "GIFT-1", 3000), TenderChoice("card", "tok_ok"))


async def call_off(
    replica: Replica, database: Database, *, key: str = "off-1", body: bytes = b"off"
) -> Process:
    """Whoever asks does not wait for the end."""
    return await cancel_placement(
        replica.transactions,
        replica.runner,
        BUYER,
        RequestKey("CancelPlacement", BUYER.subject, key, body),
        placement_id=(await the_placement(database)).id,
        reason="no more",
        patience=0.0,
    )


class AtPoint:
    """Calls the placement off when its driver passes a point for the n-th time."""

    def __init__(self, number: int, replica: Replica, database: Database) -> None:
        self.left = number
        self.passed: list[str] = []
        self.reached = ""
        self._replica, self._database = replica, database

    async def __call__(self, point: str) -> None:
        self.passed.append(point)
        self.left -= 1
        if self.left == 0:
            self.reached = point
            await call_off(self._replica, self._database)


class TestAtEveryPoint:
    @pytest.mark.parametrize("last", ["tok_ok", "tok_decline", "tok_3ds", "tok_unknown"])
    async def test_it_ends_with_nothing_and_without_an_order(
        self, database: Database, town: Town, clock: ManualClock, last: str
    ) -> None:
        """Before each effect of a neighbour and after it, while its driver is at work."""
        town.payments.cards["GIFT-1"] = 3000
        replica = Replica(database.transactions, town)
        ends: dict[str, str] = {}
        for number in range(1, 30):
            async with database.transactions() as session:
                for table in ("process", "fulfilment", "orders", "idempotency"):
                    await session.execute(f"DELETE FROM {table}")
            cart = f"crt_{number}"
            town.carts.add(factories.quote(cart))
            town.at = caller = AtPoint(number, replica, database)
            tenders = (TENDERS[0], TenderChoice("card", last))
            with contextlib.suppress(PaymentDeclined, RemoteFailure):
                await place(replica, cart=cart, request_id=f"req-{number}", tenders=tenders)
            town.works()
            if not caller.reached:
                break
            for payment in town.payments.by_id.values():
                if payment.view.status is PaymentStatus.UNKNOWN:
                    clock.advance(300)
                    await replica.work()
                    # Never while nobody knows whether money is kept.
                    assert (await the_placement(database)).state == State.VOIDING
                    town.payments.settle(payment.view.id, PaymentStatus.AUTHORISED)
            clock.advance(300)
            await replica.work()

            ended = await the_placement(database)
            where = f"called off at {number}: {caller.reached} after {caller.passed}"
            ends[f"{number} {caller.reached}"] = ended.state
            assert ended.state in (State.CANCELLED, State.FAILED), where
            assert town.holds_nothing(), where
            assert town.payments.cards == {"GIFT-1": 3000}, where
            assert town.carts.redeemed == {"BIENVENUE": []}, where
            assert await orders(database) == [], where
            assert (await call_off(replica, database, key=unique())).state == ended.state
        assert len(ends) >= 8, ends
        if last != "tok_decline":
            assert set(ends.values()) == {State.CANCELLED}, ends

    async def test_once_the_order_stands_it_stands(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote())
        await place(replica)
        before = await outbox(database)

        told = await call_off(replica, database)

        assert told.state == State.PLACED
        assert await outbox(database) == before
        assert len(town.payments.kept()) == 1

    async def test_a_driver_that_died_does_not_keep_it(
        self, database: Database, town: Town, clock: ManualClock
    ) -> None:
        """Its lease is over before anybody gives back what it held."""
        town.carts.add(factories.quote())
        asleep, wake = asyncio.Event(), asyncio.Event()

        async def hang(point: str) -> None:
            if point == "authorise done":
                asleep.set()
                await wake.wait()

        town.at = hang
        dead, alive = (Replica(database.transactions, town) for _ in range(2))
        placing = asyncio.create_task(place(dead))
        await asleep.wait()
        told = await call_off(alive, database)
        town.works()
        clock.advance(16)
        await alive.work()

        assert told.state == State.SOURCED
        assert (await the_placement(database)).state == State.CANCELLED
        assert town.holds_nothing()
        wake.set()
        assert (await placing).state == State.CANCELLED
        assert town.holds_nothing()


class TestRequest:
    async def test_the_same_request_is_one_and_another_body_is_refused(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote())
        await place(replica, token="tok_3ds")

        await call_off(replica, database)
        await replica.runner.stop()

        assert (await call_off(replica, database)).state == State.CANCELLED
        with pytest.raises(IdempotencyKeyReused):
            await call_off(replica, database, body=b"another")


@pytest.fixture
def shop(harness: ServiceHarness, town: Town) -> Shop:
    return Shop(harness, town)


class TestOverGrpc:
    async def test_a_payer_at_the_bank_who_changes_their_mind(self, shop: Shop) -> None:
        waiting = await shop.place("crt_1", "tok_3ds")

        request = pb.CancelPlacementRequest(
            placement=waiting.id, request_id=unique(), reason="too expensive"
        )
        cancelled = await shop.harness.call("CancelPlacement", request, shop.customer)

        assert cancelled.state == order_pb2.Placement.STATE_CANCELLED
        assert shop.town.holds_nothing()
        # The cart is theirs again, and can be bought.
        again = await shop.place("crt_1")
        assert again.state == order_pb2.Placement.STATE_PLACED

    async def test_the_placement_of_another_does_not_exist(self, shop: Shop) -> None:
        waiting = await shop.place("crt_1", "tok_3ds")
        before = await shop.harness.snapshot()

        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call(
                "CancelPlacement",
                pb.CancelPlacementRequest(placement=waiting.id, request_id=unique()),
                shop.harness.tokens.customer("cus_other"),
            )

        assert refused.value.reason == "PLACEMENT_NOT_FOUND"
        assert not before.changes_to(await shop.harness.snapshot())

    async def test_an_order_is_cancelled_by_its_id_while_nobody_knows_of_its_money(
        self, shop: Shop, clock: ManualClock
    ) -> None:
        """It does not end before the provider has said what became of the money."""
        unknown = await shop.place("crt_1", "tok_unknown")

        with pytest.raises(RemoteFailure) as not_yet:
            await shop.harness.call(
                "CancelOrder",
                pb.CancelOrderRequest(order=unknown.order, request_id="off-1"),
                shop.customer,
            )
        shop.town.payments.settle("pay_1", PaymentStatus.AUTHORISED)
        clock.advance(300)

        assert not_yet.value.reason == "CANCELLATION_UNDER_WAY"
        cancelled = await shop.cancel(unknown.order, request_id="off-1", reason="")
        assert cancelled.state == order_pb2.Order.STATE_CANCELLED
        assert shop.town.holds_nothing()
