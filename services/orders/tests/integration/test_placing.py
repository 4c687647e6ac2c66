import asyncio

import pytest

from comptoir_orders.domain.placement import TERMINAL, State
from comptoir_orders.store.processes import Process
from comptoir_runtime.database import Database
from comptoir_runtime.errors import Failure, IdempotencyKeyReused, Overloaded
from services.orders.tests import factories
from services.orders.tests.integration.checkout import orders, outbox, place
from services.orders.tests.integration.conftest import Replica
from services.orders.tests.neighbours import Town
from services.orders.tests.stock import LYON, PARIS


class TestPlaceOrder:
    async def test_a_cart_becomes_an_order(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        quote = town.carts.add(factories.quote())

        placement = await place(replica)

        assert placement.state == State.PLACED
        (order,) = await orders(database)
        assert order.id == placement.order
        assert order.number == placement.document.number
        assert order.content.lines == quote.lines
        assert order.content.totals.total == 7490
        assert order.content.payments == ("pay_1",)
        assert order.captured == 0
        (parcel,) = order.fulfilments
        assert (parcel.location, parcel.amount) == (LYON, 7490)
        assert town.payments.by_id["pay_1"].amount == 7490
        assert await outbox(database) == ["OrderPlaced"]

    async def test_each_order_gets_its_own_number(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        for number in range(3):
            town.carts.add(factories.quote(f"crt_{number}"))
            await place(replica, cart=f"crt_{number}", request_id=f"req-{number}")

        numbers = [order.number for order in await orders(database)]

        assert len(set(numbers)) == 3

    async def test_two_parcels_when_no_location_has_all(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote())
        town.stock.units = {LYON: {"KETTLE": 2}, PARIS: {"LAMP": 5}}

        await place(replica)

        (order,) = await orders(database)
        assert [(each.location, each.goods, each.shipping) for each in order.fulfilments] == [
            (LYON, 5000, 490),
            (PARIS, 2000, 0),
        ]

    async def test_click_and_collect_takes_from_the_chosen_store(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote(delivery=factories.collected_in("store_lyon"), shipping=0))
        town.stock.units["store_lyon"] = {"KETTLE": 2, "LAMP": 1}

        await place(replica)

        (order,) = await orders(database)
        assert [(each.location, each.mode) for each in order.fulfilments] == [
            ("store_lyon", "PICK_UP")
        ]

    async def test_nothing_leaves_a_location_that_does_not_serve_the_channel(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote(channel="app"))
        town.stock.units[PARIS] = {"KETTLE": 2, "LAMP": 1}
        town.stock.serves[LYON] = frozenset({"web"})

        await place(replica)

        (order,) = await orders(database)
        assert [each.location for each in order.fulfilments] == [PARIS]

    async def test_a_free_order_asks_for_no_money(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        free = (factories.line("KETTLE", 1, 2500, discount=2500),)
        town.carts.add(factories.quote(lines=free, shipping=0))

        placement = await place(replica)

        assert placement.state == State.PLACED
        assert town.payments.by_id == {}
        (order,) = await orders(database)
        assert order.content.payments == ()

    async def test_staff_place_the_cart_of_a_customer(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote(owner="cus_9"))

        await place(replica, caller="stf_test", buyer="")

        (order,) = await orders(database)
        assert (order.customer, order.content.staff) == ("cus_9", "stf_test")


async def place_in_the_end(replica: Replica) -> Process:
    """Asks again as callers do who are told that all connections are in use."""
    while True:
        try:
            return await place(replica)
        except Overloaded:
            await asyncio.sleep(0.05)


class TestOneRequestOneOrder:
    async def test_fifty_callers_with_one_key_get_one_order(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote())

        answers = await asyncio.gather(*(place_in_the_end(replica) for _ in range(50)))

        assert {(each.id, each.state, each.document.number) for each in answers} == {
            (answers[0].id, State.PLACED, answers[0].document.number)
        }
        assert len(await orders(database)) == 1
        assert (town.carts.locks, town.payments.asked) == (1, 1)

    async def test_another_replica_waits_for_the_one_that_drives(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote())
        other = Replica(database.transactions, town)
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slowly(point: str) -> None:
            if point == "authorise":
                begun.set()
                await go_on.wait()

        town.at = slowly
        first = asyncio.create_task(place(replica))
        await begun.wait()
        second = asyncio.create_task(place(other))
        await asyncio.sleep(0.1)
        go_on.set()

        assert (await first).document.number == (await second).document.number
        assert town.payments.asked == 1

    async def test_who_waits_too_long_hears_that_it_is_running(
        self, replica: Replica, town: Town
    ) -> None:
        town.carts.add(factories.quote())
        go_on = asyncio.Event()

        async def slowly(point: str) -> None:
            if point == "authorise":
                await go_on.wait()

        town.at = slowly
        answer = await place(replica, patience=0.2)
        go_on.set()
        await replica.runner.stop()

        assert answer.state not in TERMINAL
        assert (await place(replica)).state == State.PLACED

    async def test_another_body_under_the_same_key_is_refused(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote())
        await place(replica)

        with pytest.raises(IdempotencyKeyReused):
            await place(replica, body=b"other")

        assert len(await orders(database)) == 1

    async def test_two_callers_may_use_the_same_key(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote("crt_1"))
        town.carts.add(factories.quote("crt_2", owner="cus_2"))

        await place(replica)
        await place(replica, cart="crt_2", caller="cus_2")

        assert len(await orders(database)) == 2

    async def test_a_cart_becomes_one_order_even_from_two_tabs(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote())

        answers = await asyncio.gather(
            place(replica), place(replica, request_id="req-2"), return_exceptions=True
        )

        assert sum(isinstance(answer, Failure) for answer in answers) == 1
        assert len(await orders(database)) == 1
        assert len(town.payments.kept()) == 1
