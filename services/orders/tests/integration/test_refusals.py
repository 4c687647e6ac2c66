from datetime import timedelta

import pytest

from comptoir_orders.domain.orders import Delivery, DeliveryMode
from comptoir_orders.domain.placement import State
from comptoir_runtime.database import Database
from comptoir_runtime.errors import Failure, ResourceExhausted, Unavailable
from services.orders.tests import factories
from services.orders.tests.answers import lost, refusal
from services.orders.tests.integration.checkout import orders, outbox, place, the_placement
from services.orders.tests.integration.conftest import Replica
from services.orders.tests.neighbours import Town
from services.orders.tests.stock import LYON, PARIS


class TestRefusal:
    async def test_a_decline_undoes_everything_and_is_remembered(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote())

        with pytest.raises(Failure) as first:
            await place(replica, token="tok_decline")
        with pytest.raises(Failure) as second:
            await place(replica, token="tok_decline")

        for refused in (first.value, second.value):
            assert refused.reason == "PAYMENT_DECLINED"
            assert refused.status.name == "FAILED_PRECONDITION"
            assert refused.metadata == {
                "decline_code": "insufficient_funds",
                "retryable": "true",
            }
        assert town.payments.asked == 1
        assert town.holds_nothing()
        assert await orders(database) == []
        assert await outbox(database) == []
        document = (await the_placement(database)).document
        assert [each.token for each in (*document.intent.tenders, *document.tenders)] == ["", ""]

    async def test_a_cart_that_another_tab_holds_is_not_locked_by_a_copy_that_comes_later(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        quote = town.carts.add(factories.quote())
        town.carts.held[quote.cart] = "plc_of_another_tab"

        with pytest.raises(Failure) as refused:
            await place(replica)
        assert refused.value.reason == "CART_NOT_OPEN"
        assert town.carts.held == {quote.cart: "plc_of_another_tab"}
        await town.carts.unlock(quote.cart, "plc_of_another_tab")

        placement = (await the_placement(database)).id
        with pytest.raises(Failure) as late:
            await town.carts.lock(quote.cart, placement, "", quote.fingerprint, "")
        assert late.value.reason == "CHECKOUT_CLOSED"
        assert town.holds_nothing()

    async def test_what_is_nowhere_is_refused_before_anybody_is_asked_for_money(
        self, replica: Replica, town: Town
    ) -> None:
        town.carts.add(factories.quote())
        town.stock.units = {LYON: {"KETTLE": 1, "LAMP": 1}}

        with pytest.raises(Failure) as refused:
            await place(replica)

        assert refused.value.reason == "OUT_OF_STOCK"
        assert [(each.type, each.subject) for each in refused.value.preconditions] == [
            ("OUT_OF_STOCK", "KETTLE")
        ]
        assert refused.value.metadata == {"sku": "KETTLE", "available": "1"}
        assert town.payments.asked == 0
        assert town.holds_nothing()

    async def test_stock_that_went_meanwhile_is_looked_for_elsewhere_once(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote())

        async def somebody_is_faster(point: str) -> None:
            if point == "reserve" and LYON in town.stock.units:
                del town.stock.units[LYON]
                town.stock.units[PARIS] = {"KETTLE": 9, "LAMP": 9}

        town.at = somebody_is_faster
        await place(replica)

        (order,) = await orders(database)
        assert [each.location for each in order.fulfilments] == [PARIS]
        assert len(town.stock.held()) == 1

    async def test_stock_that_goes_again_is_a_refusal_with_the_neighbours_words(
        self, replica: Replica, town: Town
    ) -> None:
        town.carts.add(factories.quote())

        async def always_faster(point: str) -> None:
            if point == "reserve":
                raise refusal("OUT_OF_STOCK", sku="LAMP")

        town.at = always_faster
        with pytest.raises(Failure) as refused:
            await place(replica)

        assert (refused.value.reason, refused.value.metadata) == ("OUT_OF_STOCK", {"sku": "LAMP"})
        assert town.holds_nothing()

    async def test_the_stock_of_an_order_is_kept_before_the_order_is_written(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        """O5: whenever the others hear of the order, no hold of its can have run out."""
        town.carts.add(factories.quote())
        seen: list[tuple[int, list[str]]] = []

        async def look(point: str) -> None:
            if point == "keep done":
                kept = [hold.state for hold in town.stock.holds.values()]
                seen.append((len(await orders(database)), kept))

        town.at = look
        await place(replica)

        assert seen == [(0, ["KEPT"])]
        assert len(await orders(database)) == 1

    async def test_stock_that_ran_out_before_it_was_kept_undoes_everything(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote())

        async def run_out(point: str) -> None:
            if point == "keep":
                for hold in town.stock.holds.values():
                    hold.state = "EXPIRED"

        town.at = run_out
        with pytest.raises(Failure) as refused:
            await place(replica)

        assert refused.value.reason == "PLACEMENT_INTERRUPTED"
        assert await orders(database) == []
        assert town.holds_nothing()

    async def test_a_stock_that_does_not_say_whether_it_is_kept_undoes_everything(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote())
        town.fails("keep done", times=3)

        with pytest.raises(Failure) as refused:
            await place(replica)

        assert refused.value.reason == "CHECKOUT_UNAVAILABLE"
        assert await orders(database) == []
        assert town.holds_nothing()

    async def test_a_quote_that_changed_is_refused_and_holds_nothing(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        quote = town.carts.add(factories.quote())
        town.carts.quotes["crt_1"] = quote = factories.quote("crt_1")
        object.__setattr__(quote, "fingerprint", "newer")

        with pytest.raises(Failure) as refused:
            await place(replica)

        assert refused.value.reason == "QUOTE_CHANGED"
        assert refused.value.metadata == {"quote": "newer"}
        assert town.holds_nothing()
        assert (await the_placement(database)).state == State.FAILED

    async def test_a_lock_that_arrives_after_the_refusal_finds_the_checkout_closed(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        """The first request is late, the second is refused. (Found by the model.)"""
        quote = town.carts.add(factories.quote())
        asked = 0

        async def late(point: str) -> None:
            nonlocal asked
            asked += point == "lock"
            if point == "lock" and asked == 1:
                raise lost(point)
            object.__setattr__(quote, "fingerprint", "newer")

        town.at = late
        with pytest.raises(Failure) as refused:
            await place(replica)
        town.works()
        placement = await the_placement(database)

        assert refused.value.reason == "QUOTE_CHANGED"
        with pytest.raises(Failure, match="checkout_closed"):
            await town.carts.lock("crt_1", placement.id, "", "newer", "cus_test")
        assert town.holds_nothing()

    async def test_the_cart_of_another_is_refused_without_a_trace(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote(owner="cus_other"))

        with pytest.raises(Failure) as refused:
            await place(replica)

        assert refused.value.status.name == "PERMISSION_DENIED"
        assert town.holds_nothing()
        async with database.transactions.reading() as session:
            assert await session.fetchval("SELECT count(*) FROM process") == 0

    async def test_a_quote_that_does_not_add_up_is_never_sold(
        self, replica: Replica, town: Town
    ) -> None:
        quote = town.carts.add(factories.quote())
        object.__setattr__(quote.totals, "total", 7489)

        with pytest.raises(Failure) as refused:
            await place(replica)

        assert refused.value.reason == "QUOTE_INCONSISTENT"
        assert town.holds_nothing()

    async def test_goods_that_nobody_knows_how_to_deliver_are_not_sold(
        self, replica: Replica, town: Town
    ) -> None:
        town.carts.add(factories.quote(delivery=Delivery(DeliveryMode.COUNTER)))

        with pytest.raises(Failure) as refused:
            await place(replica)

        assert refused.value.reason == "QUOTE_INCONSISTENT"
        assert town.holds_nothing()

    async def test_another_amount_than_asked_for_is_given_back(
        self, replica: Replica, town: Town
    ) -> None:
        town.carts.add(factories.quote())

        with pytest.raises(Failure) as refused:
            await place(replica, token="tok_wrong")

        assert refused.value.reason == "PAYMENT_AMOUNT_MISMATCH"
        assert town.holds_nothing()

    @pytest.mark.parametrize(
        ("reason", "kind"),
        [("PROVIDER_UNAVAILABLE", Unavailable), ("TOO_MANY_ATTEMPTS", ResourceExhausted)],
    )
    async def test_a_provider_that_cannot_be_asked_now_has_charged_nothing(
        self, replica: Replica, database: Database, town: Town, reason: str, kind: type[Failure]
    ) -> None:
        town.carts.add(factories.quote())

        async def unreachable(point: str) -> None:
            if point == "authorise":
                failure = refusal(reason)
                failure.status = kind.status
                failure.retry_after = timedelta(hours=1)
                raise failure

        town.at = unreachable
        with pytest.raises(Failure) as refused:
            await place(replica)

        assert (refused.value.reason, refused.value.status) == (reason, kind.status)
        assert refused.value.retry_after == timedelta(hours=1)
        assert town.holds_nothing()
        town.works()
        assert (await place(replica)).state == State.PLACED
        assert len(await orders(database)) == 1

    @pytest.mark.parametrize("point", ["lock", "available", "reserve"])
    async def test_a_neighbour_that_does_not_answer_costs_nothing(
        self, replica: Replica, database: Database, town: Town, point: str
    ) -> None:
        town.carts.add(factories.quote())
        town.fails(point, times=3)

        with pytest.raises(Failure) as refused:
            await place(replica)

        assert refused.value.reason == "CHECKOUT_UNAVAILABLE"
        assert town.holds_nothing()
        # "Not now" is not remembered: the same request may try again.
        failed = await the_placement(database)
        assert (failed.state, failed.request_id) == (State.FAILED, failed.id)
        town.works()
        assert (await place(replica)).state == State.PLACED

    @pytest.mark.parametrize("point", ["lock done", "available", "reserve done"])
    async def test_an_answer_lost_twice_is_asked_for_again(
        self, replica: Replica, town: Town, point: str
    ) -> None:
        town.carts.add(factories.quote())
        town.fails(point, times=2)

        assert (await place(replica)).state == State.PLACED
        assert len(town.stock.held()) == 1
