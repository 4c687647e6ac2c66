"""Placements that cannot end at once: the payer, a lost answer, an undo that fails."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from comptoir_orders.clients import PaymentStatus
from comptoir_orders.domain.placement import TERMINAL, State
from comptoir_orders.operations import overdue
from comptoir_orders.operations.news import payment_authorised
from comptoir_orders.operations.overdue import list_overdue
from comptoir_orders.store.processes import Process
from comptoir_runtime import telemetry
from comptoir_runtime.clock import ManualClock
from comptoir_runtime.database import Database
from comptoir_runtime.errors import Failure
from comptoir_runtime.telemetry import names
from services.orders.tests import factories
from services.orders.tests.integration.checkout import news, orders, place, the_placement
from services.orders.tests.integration.conftest import Replica
from services.orders.tests.neighbours import Town


class TestPayer:
    async def test_the_payer_is_sent_to_the_bank_and_the_order_follows(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote())

        waiting = await place(replica, token="tok_3ds")
        again = await place(replica, token="tok_3ds")
        town.payments.settle("pay_1", PaymentStatus.AUTHORISED)
        await news(database, waiting.order)
        await replica.work()

        assert (waiting.state, again.id) == (State.ACTION_REQUIRED, waiting.id)
        assert waiting.document.action_url == "https://bank.example/challenge"
        assert (await the_placement(database)).state == State.PLACED
        assert len(await orders(database)) == 1

    async def test_a_payer_the_bank_does_not_know_gets_nothing(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote())
        waiting = await place(replica, token="tok_3ds")

        town.payments.settle("pay_1", PaymentStatus.ENDED, "authentication_failed")
        await news(database, waiting.order)
        await replica.work()

        failed = await the_placement(database)
        assert failed.state == State.FAILED
        assert failed.document.refusal.reason == "PAYMENT_DECLINED"
        assert failed.document.refusal.metadata["decline_code"] == "authentication_failed"
        assert town.holds_nothing()

    async def test_a_payer_who_does_not_come_back_is_given_up_after_a_quarter_of_an_hour(
        self, replica: Replica, database: Database, town: Town, clock: ManualClock
    ) -> None:
        town.carts.add(factories.quote())
        await place(replica, token="tok_3ds")

        clock.advance(15 * 60 - 1)
        await replica.work()
        still = await the_placement(database)
        clock.advance(1)
        await replica.work()

        assert still.state == State.ACTION_REQUIRED
        failed = await the_placement(database)
        assert failed.document.refusal.reason == "PAYMENT_ACTION_EXPIRED"
        assert town.holds_nothing()

    async def test_a_payer_whose_news_were_lost_is_asked_about(
        self, replica: Replica, database: Database, town: Town, clock: ManualClock
    ) -> None:
        town.carts.add(factories.quote())
        await place(replica, token="tok_3ds")
        town.payments.settle("pay_1", PaymentStatus.AUTHORISED)

        clock.advance(60)
        await replica.work()

        assert (await the_placement(database)).state == State.PLACED

    async def test_news_that_come_while_it_is_driven_are_not_slept_through(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote())

        async def news_first(point: str) -> None:
            if point == "authorise done":
                await news(database, (await the_placement(database)).order)

        town.at = news_first
        await place(replica, token="tok_3ds")
        town.payments.settle("pay_1", PaymentStatus.AUTHORISED)

        assert await replica.work() == 1
        assert (await the_placement(database)).state == State.PLACED


class TestUnknownOutcome:
    async def test_a_lost_answer_is_asked_for_under_the_same_key(
        self, replica: Replica, database: Database, town: Town, clock: ManualClock
    ) -> None:
        town.carts.add(factories.quote())
        town.fails("authorise done", times=1)

        unknown = await place(replica)
        assert unknown.state == State.UNKNOWN
        assert not await replica.work()
        clock.advance(2)
        await replica.work()

        assert (await the_placement(database)).state == State.PLACED
        assert len(town.payments.by_id) == 1

    async def test_a_provider_that_does_not_know_is_asked_until_it_does(
        self, replica: Replica, database: Database, town: Town, clock: ManualClock
    ) -> None:
        town.carts.add(factories.quote())
        assert (await place(replica, token="tok_unknown")).state == State.UNKNOWN

        for seconds in (2, 5, 15):
            clock.advance(seconds)
            assert await replica.work() == 1
            assert (await the_placement(database)).state == State.UNKNOWN
        town.payments.settle("pay_1", PaymentStatus.AUTHORISED)
        clock.advance(60)
        await replica.work()

        assert (await the_placement(database)).state == State.PLACED

    async def test_giving_up_does_not_end_while_the_outcome_is_unknown(
        self, replica: Replica, database: Database, town: Town, clock: ManualClock
    ) -> None:
        town.carts.add(factories.quote())
        await place(replica, token="tok_unknown")

        clock.advance(25 * 60)
        await replica.work()
        undoing = await the_placement(database)
        town.payments.settle("pay_1", PaymentStatus.AUTHORISED)
        clock.advance(300)
        await replica.work()

        assert undoing.state == State.VOIDING
        assert (await the_placement(database)).state == State.FAILED
        assert town.holds_nothing()
        assert await orders(database) == []

    async def test_money_found_when_the_hold_on_the_stock_is_over_is_given_up(
        self, replica: Replica, database: Database, town: Town, clock: ManualClock
    ) -> None:
        town.carts.add(factories.quote())
        await place(replica, token="tok_unknown")
        town.payments.settle("pay_1", PaymentStatus.AUTHORISED)

        clock.advance(28 * 60)  # nobody was there to look sooner
        await replica.work()

        assert (await the_placement(database)).state == State.FAILED
        assert town.holds_nothing()
        assert await orders(database) == []

    async def test_a_payment_whose_answer_never_came_is_found_and_given_up(
        self, replica: Replica, database: Database, town: Town, clock: ManualClock
    ) -> None:
        town.carts.add(factories.quote())
        town.fails("authorise done")
        assert (await place(replica)).document.tenders[0].payment == ""

        clock.advance(25 * 60)
        await replica.work()

        assert (await the_placement(database)).state == State.FAILED
        assert len(town.payments.by_id) == 1
        assert town.holds_nothing()

    async def test_money_that_turns_up_after_the_end_is_given_back(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        town.carts.add(factories.quote())
        with pytest.raises(Failure):
            await place(replica, token="tok_decline")
        order = (await the_placement(database)).order
        late = await town.payments.authorise(
            "zombie",
            order=order,
            payer="cus_test",
            amount=7490,
            currency="EUR",
            method="card",
            token="tok_ok",
            return_url="",
            channel="web",
        )

        async with database.transactions() as session:
            await payment_authorised(session, order, late.id, lambda: None)
        await replica.work()

        assert town.holds_nothing()


class TestMoneyThatTurnsUp:
    @pytest.mark.parametrize("days", [0, 3])
    async def test_money_taken_for_what_was_called_off_is_refunded(
        self,
        replica: Replica,
        database: Database,
        town: Town,
        clock: ManualClock,
        days: int,
    ) -> None:
        """F23: the provider says yes, and takes it, after the end; also days later."""
        town.carts.add(factories.quote())
        waiting = await place(replica, token="tok_3ds")
        town.payments.settle("pay_1", PaymentStatus.ENDED, "expired")
        await news(database, waiting.order)
        await replica.work()
        assert (await the_placement(database)).state == State.FAILED

        clock.advance(days * 24 * 3600)
        town.payments.settle("pay_1", PaymentStatus.AUTHORISED)
        town.payments.by_id["pay_1"].captured["by itself"] = 7490
        for _ in range(2):
            async with database.transactions() as session:
                await payment_authorised(session, waiting.order, "pay_1", lambda: None)
        await replica.work()

        assert sum(town.payments.by_id["pay_1"].refunded.values()) == 7490
        assert town.holds_nothing()

    async def test_a_yes_that_comes_while_it_is_undone_is_looked_at_when_it_ends(
        self, replica: Replica, database: Database, town: Town, clock: ManualClock
    ) -> None:
        """F23: declined, so nothing was voided; then the provider changes its mind. (Found by the
        model.)"""
        town.carts.add(factories.quote())
        town.fails("unlock")
        undoing = await place(replica, token="tok_decline")
        town.payments.settle("pay_1", PaymentStatus.AUTHORISED)
        async with database.transactions() as session:
            await payment_authorised(session, undoing.order, "pay_1", lambda: None)
        town.works()
        clock.advance(1)
        await replica.work()
        ended = await the_placement(database)
        await replica.work()

        assert (undoing.state, ended.state) == (State.UNLOCKING, State.FAILED)
        assert town.payments.given_up == ["pay_1"]
        assert town.holds_nothing()

    async def test_the_bank_that_says_yes_to_another_amount_is_not_believed(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        """F24, 29: a genuine notice about one euro does not pay for seventy-five."""
        town.carts.add(factories.quote())
        waiting = await place(replica, token="tok_3ds")
        town.payments.by_id["pay_1"].amount = 100
        town.payments.settle("pay_1", PaymentStatus.AUTHORISED)
        await news(database, waiting.order)
        await replica.work()

        failed = await the_placement(database)
        assert failed.document.refusal.reason == "PAYMENT_AMOUNT_MISMATCH"
        assert town.holds_nothing()
        assert await orders(database) == []

    async def test_the_same_number_in_a_weaker_currency_is_not_believed(
        self, replica: Replica, database: Database, town: Town
    ) -> None:
        """27."""
        town.carts.add(factories.quote())
        waiting = await place(replica, token="tok_3ds")
        payment = town.payments.by_id["pay_1"]
        payment.view = replace(payment.view, currency="JPY")
        town.payments.settle("pay_1", PaymentStatus.AUTHORISED)
        await news(database, waiting.order)
        await replica.work()

        failed = await the_placement(database)
        assert failed.document.refusal.reason == "PAYMENT_AMOUNT_MISMATCH"
        assert town.holds_nothing()


class TestReview:
    async def test_what_is_not_undone_within_an_hour_is_listed_until_it_is(
        self, replica: Replica, database: Database, town: Town, clock: ManualClock
    ) -> None:
        alarms = telemetry.counter(names.PROCESS_OVERDUE)
        before = alarms.value(("PLACEMENT",))
        town.carts.add(factories.quote())
        await place(replica, token="tok_unknown")
        clock.advance(25 * 60)
        await replica.work()

        clock.advance(59 * 60)
        await replica.work()
        early = await listed(database)
        clock.advance(3 * 60)
        await replica.work()
        late = await listed(database)
        town.payments.settle("pay_1", PaymentStatus.AUTHORISED)
        clock.advance(300)
        await replica.work()

        assert early == []
        assert [(each.state, each.trouble) for each in late] == [(State.VOIDING, "UNAVAILABLE")]
        assert late[0].attempts >= 2
        assert alarms.value(("PLACEMENT",)) > before
        assert await listed(database) == []
        assert (await the_placement(database)).state == State.FAILED
        assert town.holds_nothing()

    async def test_what_goes_forward_and_is_forgotten_by_everybody_is_listed_too(
        self, replica: Replica, database: Database, town: Town, clock: ManualClock
    ) -> None:
        """O4: no worker runs."""
        town.carts.add(factories.quote())
        await place(replica, token="tok_3ds")

        clock.advance(15 * 60 + 59)
        early = await listed(database)
        clock.advance(1)

        assert early == []
        assert [each.state for each in await listed(database)] == [State.ACTION_REQUIRED]

    async def test_what_is_open_is_told_with_the_age_of_the_oldest(
        self, replica: Replica, database: Database, town: Town, clock: ManualClock
    ) -> None:
        town.carts.add(factories.quote())
        await place(replica, token="tok_3ds")
        clock.advance(60)

        async with database.transactions.reading() as session:
            await overdue.measure(session)

        waiting = ("PLACEMENT", "ACTION_REQUIRED")
        assert telemetry.gauge(names.PROCESS_OPEN).read()[waiting] == 1
        assert telemetry.gauge(names.PROCESS_AGE).read()[waiting] == 60


async def listed(database: Database) -> Sequence[Process]:
    async with database.transactions.reading() as session:
        return await list_overdue(session, 10, None)


class TestUndo:
    @pytest.mark.parametrize("point", ["void", "release", "unlock"])
    async def test_a_neighbour_that_is_down_is_told_later(
        self,
        replica: Replica,
        database: Database,
        town: Town,
        clock: ManualClock,
        point: str,
    ) -> None:
        town.carts.add(factories.quote())
        town.fails(point)

        running = await place(replica, token="tok_wrong")
        assert running.state not in TERMINAL
        for _ in range(4):
            clock.advance(300)
            assert await replica.work() == 1
        assert (await the_placement(database)).attempts == 5
        town.works()
        clock.advance(300)
        await replica.work()

        assert (await the_placement(database)).state == State.FAILED
        assert town.holds_nothing()
        with pytest.raises(Failure, match="another amount"):
            await place(replica, token="tok_wrong")
