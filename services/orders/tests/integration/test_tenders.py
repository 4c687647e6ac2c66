"""Orders that are paid by several means: each asked once, all given back or all kept."""

import pytest

from comptoir.orders.v1 import orders_service_pb2 as pb
from comptoir.type.v1.money_pb2 import Money
from comptoir_orders.clients import PaymentStatus
from comptoir_orders.domain.placement import State
from comptoir_orders.domain.tenders import TenderChoice
from comptoir_runtime.clock import ManualClock
from comptoir_runtime.database import Database
from comptoir_runtime.errors import Failure, RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.orders.tests import factories
from services.orders.tests.answers import lost
from services.orders.tests.factories import euros, unique
from services.orders.tests.integration.checkout import news, orders, place, the_placement
from services.orders.tests.integration.conftest import Replica
from services.orders.tests.integration.shop import Shop
from services.orders.tests.neighbours import Town

Choice = pb.PlaceOrderRequest.PaymentChoice

GIFT = TenderChoice("gift_card", "GIFT-1", 3000)


def card(token: str = "tok_ok") -> TenderChoice:
    return TenderChoice("card", token)


@pytest.fixture
def gift(town: Town) -> Town:
    """A town with a gift card of 30 EUR and a cart of 74.90 EUR."""
    town.payments.cards["GIFT-1"] = 3000
    town.carts.add(factories.quote())
    return town


class TestPlacing:
    async def test_the_gift_card_is_asked_first_and_the_card_for_the_rest(
        self, replica: Replica, database: Database, gift: Town
    ) -> None:
        placed = await place(replica, tenders=(card(), GIFT))

        assert placed.state == State.PLACED
        assert gift.payments.asked_for == [
            (f"{placed.id}/authorise", "gift_card", 3000),
            (f"{placed.id}/authorise/1", "card", 4490),
        ]
        (order,) = await orders(database)
        assert [(each.payment, each.amount) for each in order.content.tenders] == [
            ("pay_1", 3000),
            ("pay_2", 4490),
        ]
        assert order.content.payments == ("pay_1", "pay_2")
        assert gift.payments.cards == {"GIFT-1": 0}
        assert gift.carts.redeemed == {"BIENVENUE": [placed.id]}

    async def test_a_declined_card_gives_the_gift_card_and_the_coupon_back_once(
        self, replica: Replica, database: Database, gift: Town
    ) -> None:
        """P2."""
        with pytest.raises(Failure) as refused:
            await place(replica, tenders=(GIFT, card("tok_decline")))

        assert refused.value.reason == "PAYMENT_DECLINED"
        assert refused.value.metadata["method"] == "card"
        assert gift.payments.given_up == ["pay_1"]
        assert gift.payments.cards == {"GIFT-1": 3000}
        assert gift.carts.redeemed == {"BIENVENUE": []}
        assert gift.holds_nothing()
        assert await orders(database) == []

    async def test_all_are_given_up_in_reverse(
        self, replica: Replica, database: Database, gift: Town
    ) -> None:
        """24: the last one keeps another amount than asked."""
        credit = TenderChoice("store_credit", "tok_ok", 1000)

        with pytest.raises(Failure) as refused:
            await place(replica, tenders=(card("tok_wrong"), credit, GIFT))

        assert refused.value.reason == "PAYMENT_AMOUNT_MISMATCH"
        assert gift.payments.given_up == ["pay_3", "pay_2", "pay_1"]
        assert gift.payments.cards == {"GIFT-1": 3000}
        assert gift.holds_nothing()

    async def test_33_a_gift_card_is_not_spent_on_two_orders(
        self, replica: Replica, database: Database, gift: Town
    ) -> None:
        gift.carts.add(factories.quote("crt_2"))
        await place(replica, tenders=(GIFT, card()))

        with pytest.raises(Failure) as refused:
            await place(replica, cart="crt_2", request_id="req-2", tenders=(GIFT, card()))

        assert refused.value.metadata["method"] == "gift_card"
        assert gift.payments.cards == {"GIFT-1": 0}
        assert len(await orders(database)) == 1

    async def test_m7_amounts_that_do_not_add_up_ask_nobody_for_money(
        self, replica: Replica, database: Database, gift: Town
    ) -> None:
        with pytest.raises(Failure) as refused:
            await place(replica, tenders=(GIFT, TenderChoice("card", "tok_ok", 4489)))

        assert refused.value.reason == "TENDERS_DO_NOT_MATCH"
        assert refused.value.metadata == {"total_minor": "7490", "tenders_minor": "7489"}
        assert gift.payments.asked == 0
        assert gift.holds_nothing()

    async def test_39_a_gift_card_that_covers_all_leaves_nothing_for_the_card(
        self, replica: Replica, database: Database, gift: Town
    ) -> None:
        gift.payments.cards["GIFT-1"] = 8000

        await place(replica, tenders=(card(), TenderChoice("gift_card", "GIFT-1", 7490)))

        assert [method for _, method, _ in gift.payments.asked_for] == ["gift_card"]
        (order,) = await orders(database)
        assert order.content.payments == ("pay_1",)

    async def test_the_payer_comes_back_from_each_of_two_banks(
        self, replica: Replica, database: Database, gift: Town, clock: ManualClock
    ) -> None:
        half = TenderChoice("card", "tok_3ds", 3745)
        first = await place(replica, tenders=(half, half))
        assert first.document.tenders[first.document.current].payment == "pay_1"

        town = gift
        town.payments.settle("pay_1", PaymentStatus.AUTHORISED)
        await news(database, first.order)
        await replica.work()
        second = await the_placement(database)
        town.payments.settle("pay_2", PaymentStatus.AUTHORISED)
        await news(database, first.order)
        await replica.work()

        assert (second.state, second.document.current) == (State.ACTION_REQUIRED, 1)
        assert second.document.tenders[1].payment == "pay_2"
        # The second bank gets no time in which the stock might be gone.
        assert second.deadline <= second.document.hold_until
        assert (await the_placement(database)).state == State.PLACED
        assert len(town.payments.by_id) == 2

    async def test_a_lost_answer_of_the_second_is_asked_for_again(
        self, replica: Replica, database: Database, gift: Town, clock: ManualClock
    ) -> None:
        """F21."""
        asked = 0

        async def lose_the_second(point: str) -> None:
            nonlocal asked
            if point == "authorise done":
                asked += 1
                if asked == 2:
                    gift.works()
                    raise lost(point)

        gift.at = lose_the_second
        unknown = await place(replica, tenders=(GIFT, card()))
        clock.advance(2)
        await replica.work()

        assert (unknown.state, unknown.trouble) == (State.UNKNOWN, "UNAVAILABLE")
        assert (await the_placement(database)).state == State.PLACED
        assert [key for key, _, _ in gift.payments.asked_for] == [
            f"{unknown.id}/authorise",
            f"{unknown.id}/authorise/1",
            f"{unknown.id}/authorise/1",
        ]
        assert len(gift.payments.kept()) == 2

    async def test_f33_what_was_begun_before_payments_were_told_the_channel_is_asked_as_before(
        self, replica: Replica, database: Database, town: Town, clock: ManualClock
    ) -> None:
        async def not_reached(point: str) -> None:
            if point == "authorise":
                raise lost(point)

        town.at = not_reached
        town.carts.add(factories.quote(channel="b2b"))
        begun = await place(replica)
        assert begun.document.channel == "b2b"
        async with database.transactions() as session:
            await session.execute("UPDATE process SET document = document - 'channel'")

        town.works()
        clock.advance(2)
        await replica.work()

        assert (await the_placement(database)).state == State.PLACED
        assert town.payments.channels == {f"{begun.id}/authorise": ""}


@pytest.fixture
def shop(harness: ServiceHarness, town: Town) -> Shop:
    return Shop(harness, town)


def request(*payments: Choice) -> pb.PlaceOrderRequest:
    return pb.PlaceOrderRequest(
        request_id=unique(), cart="crt_1", quote="fingerprint-crt_1", payments=payments
    )


class TestOverGrpc:
    async def test_what_ships_is_taken_from_the_gift_card_before_the_card(
        self, shop: Shop, gift: Town
    ) -> None:
        """Kettles 54.90 with the delivery, the lamp 20.00; 30.00 of it on a gift card."""
        asked = request(
            Choice(method="card", token="tok_ok"),
            Choice(method="gift_card", token="GIFT-1", amount=euros("30.00")),
        )
        gift.stock.units = {"warehouse_lyon": {"KETTLE": 9}, "warehouse_paris": {"LAMP": 9}}
        placed = await shop.harness.call("PlaceOrder", asked, shop.customer)
        order = await shop.get(placed.order)
        kettles, lamp = order.fulfilments

        await shop.ship(lamp.id)
        await shop.until_captured(order.id, "24.90")
        first = {key: dict(each.captured) for key, each in gift.payments.by_id.items()}
        await shop.ship(kettles.id)
        await shop.until_captured(order.id, "74.90")

        assert first == {"pay_1": {lamp.id: 2490}, "pay_2": {}}
        gift_card, rest = gift.payments.by_id.values()
        assert gift_card.captured == {lamp.id: 2490, kettles.id: 510}
        assert rest.captured == {f"{kettles.id}/1": 4490}
        assert list(order.payments) == ["pay_1", "pay_2"]

    async def test_cancelling_gives_all_of_them_back(self, shop: Shop, gift: Town) -> None:
        asked = request(
            Choice(method="gift_card", token="GIFT-1", amount=euros("30.00")),
            Choice(method="card", token="tok_ok", amount=euros("44.90")),
        )
        placed = await shop.harness.call("PlaceOrder", asked, shop.customer)

        await shop.cancel(placed.order)

        assert gift.payments.given_up == ["pay_2", "pay_1"]
        assert gift.payments.cards == {"GIFT-1": 3000}
        assert gift.stock.held() == []

    @pytest.mark.parametrize("taken", [3000, 100], ids=["all of it", "a part"])
    async def test_money_taken_while_the_rest_is_given_up_is_refunded(
        self, shop: Shop, gift: Town, taken: int
    ) -> None:
        """O9: half of it is void already, so there is no way back to an order that is paid."""
        asked = request(
            Choice(method="card", token="tok_ok", amount=euros("30.00")),
            Choice(method="card", token="tok_ok"),
        )
        placed = await shop.harness.call("PlaceOrder", asked, shop.customer)

        async def somebody_takes_of_the_other(point: str) -> None:
            if point == "void done":
                gift.payments.by_id["pay_1"].captured["by hand"] = taken
                gift.works()

        gift.at = somebody_takes_of_the_other
        await shop.cancel(placed.order)

        assert gift.payments.given_up == ["pay_2", *(["pay_1"] if taken < 3000 else [])]
        assert list(gift.payments.by_id["pay_1"].refunded.values()) == [taken]
        assert gift.payments.kept() == []
        assert gift.stock.held() == []

    @pytest.mark.parametrize(
        ("payments", "field"),
        [
            ([], "payment"),
            ([Choice(method="card"), Choice(method="card")], "payments[1].amount"),
            ([Choice(method="card", amount=euros("0.00"))], "payments[0].amount"),
            ([Choice(method="card", amount=euros("-1.00"))], "payments[0].amount"),
            ([Choice(method="card", amount=euros("1.0"))], "payments[0].amount.amount"),
        ],
        ids=["none", "two without an amount", "zero", "negative", "not to the cent"],
    )
    async def test_26_what_cannot_be_paid_names_its_field(
        self, shop: Shop, gift: Town, payments: list[Choice], field: str
    ) -> None:
        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call("PlaceOrder", request(*payments), shop.customer)

        assert refused.value.reason == "INVALID_FIELDS"
        assert [each.field for each in refused.value.violations] == [field]
        assert gift.carts.locks == 0

    async def test_one_means_and_several_at_once_are_refused(self, shop: Shop, gift: Town) -> None:
        both = request(Choice(method="card", token="tok_ok"))
        both.payment.method = "card"

        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call("PlaceOrder", both, shop.customer)

        assert [each.field for each in refused.value.violations] == ["payment"]

    async def test_27_tenders_in_several_currencies_are_refused(
        self, shop: Shop, gift: Town
    ) -> None:
        yen = Choice(method="card", amount=Money(currency="JPY", amount="44"))
        euro = Choice(method="gift_card", token="GIFT-1", amount=euros("30.00"))

        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call("PlaceOrder", request(yen, euro), shop.customer)

        assert refused.value.reason == "TENDERS_DO_NOT_MATCH"
        assert gift.carts.locks == 0
