"""The comparisons between services: pure functions over rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from comptoir_audit.invariant import Batch, Difference, Row
from comptoir_audit.invariants import events, money, orders, provider, stock
from comptoir_audit.journal import Totals
from infra.audit.tests.story import JOURNAL
from infra.audit.tests.story.payments import entry_of


def batch(*rows: Row, **joined: Mapping[str, Sequence[Row]]) -> Batch:
    return Batch(rows, joined)


def a_payment(**changes: Any) -> dict[str, Any]:
    payment = {
        "id": "pay_1",
        "order_id": "ord_1",
        "currency": "EUR",
        "state": "captured",
        "captured": 500,
        "refunded": 0,
        "returned": 0,
        "disputed": 0,
        "charged_back": 0,
        "gone": 0,
        "held": 0,
        "settled": True,
    }
    return payment | changes


def a_charge(**changes: Any) -> dict[str, Any]:
    charge = {
        "id": "psp_1",
        "key": "pay_1",
        "currency": "EUR",
        "captured": 500,
        "refunded": 0,
        "held": 0,
        "disputed": 0,
        "charged_back": 0,
    }
    return charge | changes


def an_order(**changes: Any) -> dict[str, Any]:
    order = {
        "id": "ord_1",
        "state": "PLACED",
        "currency": "EUR",
        "total": 500,
        "captured": 0,
        "cart": "crt_1",
        "placement": "plc_1",
        "payments": ["pay_1"],
        "tenders": None,
        "reservation": "rsv_1",
        "lines": [{"sku": "RAIN", "quantity": 2, "total": 500}],
    }
    return order | changes


class TestJournal:
    def test_what_was_captured_is_added_up_from_the_entries(self) -> None:
        totals = Totals()
        totals.add(JOURNAL)

        assert totals.of("pay_fulfilled") == [
            {
                "key": "pay_fulfilled",
                "id": "psp_fulfilled",
                "currency": "EUR",
                "captured": 2740,
                "refunded": 450,
                "held": 0,
                "disputed": 0,
                "charged_back": 0,
            }
        ]
        assert [row["held"] for row in totals.of("pay_placed")] == [1490]
        assert [row["held"] for row in totals.of("pay_cancelled")] == [0]
        assert totals.of("pay_nobody") == []

    def test_a_second_payment_under_one_reference_is_a_row_of_its_own(self) -> None:
        totals = Totals()
        again = entry_of("captured", "fulfilled", 2740, captured=2740)
        again["answer"]["id"] = "psp_again"
        totals.add([*JOURNAL, again])

        assert [row["id"] for row in totals.of("pay_fulfilled")] == ["psp_fulfilled", "psp_again"]


class TestJournalEqualsOurs:
    def test_equal_books_have_no_difference(self) -> None:
        found = provider.journal_equals_ours(batch(a_payment(), theirs={"pay_1": [a_charge()]}))

        assert list(found) == []

    def test_what_went_to_other_means_the_provider_did_not_give_back(self) -> None:
        ours = a_payment(refunded=500, returned=300)

        theirs = {"pay_1": [a_charge(refunded=300)]}
        assert list(provider.journal_equals_ours(batch(ours, theirs=theirs))) == []
        theirs = {"pay_1": [a_charge(refunded=500)]}
        assert len(list(provider.journal_equals_ours(batch(ours, theirs=theirs)))) == 1

    def test_two_charges_for_one_payment_are_a_double_charge(self) -> None:
        charges = [a_charge(), a_charge(id="psp_2")]

        found = provider.journal_equals_ours(batch(a_payment(), theirs={"pay_1": charges}))

        assert list(found) == [
            Difference(
                ("pay_1", "ord_1", "psp_1", "psp_2"),
                "as the provider: captured 1000, refunded 0",
                "captured 500, refunded 0",
            )
        ]

    def test_another_currency_is_a_difference(self) -> None:
        charge = a_charge(currency="XTS")

        found = provider.journal_equals_ours(batch(a_payment(), theirs={"pay_1": [charge]}))

        assert [each.expected for each in found] == [
            "as the provider: captured 500, refunded 0 in XTS"
        ]

    def test_a_payment_that_is_not_settled_is_left_alone(self) -> None:
        found = provider.ours_equals_journal(
            batch(
                a_charge(),
                theirs={"pay_1": [a_charge()]},
                ours={"pay_1": [a_payment(captured=0, settled=False)]},
            )
        )

        assert list(found) == []


class TestPaidWithoutOrder:
    def judge(self, **order: Any) -> list[str]:
        found = money.paid_without_order(
            batch(
                a_payment(),
                orders={"ord_1": [{"state": None, "payments": None, "under_way": False} | order]},
            )
        )
        return [each.found for each in found]

    def test_an_order_that_stands_and_names_it_is_right(self) -> None:
        assert self.judge(state="PLACED", payments=["pay_1"]) == []

    def test_an_order_that_is_being_placed_is_in_flight(self) -> None:
        assert self.judge(under_way=True) == []

    def test_no_order_is_a_difference(self) -> None:
        assert self.judge() == ["no order, held 0, taken 500"]

    def test_a_cancelled_order_is_a_difference(self) -> None:
        assert self.judge(state="CANCELLED", payments=["pay_1"]) == ["CANCELLED, held 0, taken 500"]

    def test_an_order_that_does_not_name_it_is_a_difference(self) -> None:
        assert self.judge(state="PLACED", payments=[]) == [
            "an order that does not name it, held 0, taken 500"
        ]


class TestOrders:
    def test_several_payments_may_share_an_order_up_to_its_total(self) -> None:
        shared = {"ord_1": [a_payment(captured=200), a_payment(id="pay_2", captured=0, held=300)]}

        assert list(money.never_paid_twice(batch(an_order(), paid=shared))) == []
        assert list(orders.money_stands(batch(an_order(), paid=shared))) == []

    def test_what_its_bank_took_back_is_not_kept_for_an_order_that_was_called_off(self) -> None:
        called_off = an_order(state="CANCELLED")
        lost = {"ord_1": [a_payment(refunded=400, gone=500)]}

        assert list(orders.money_stands(batch(called_off, paid=lost))) == []
        kept = {"ord_1": [a_payment(refunded=100, gone=399)]}
        assert [each.found for each in orders.money_stands(batch(called_off, paid=kept))] == ["1"]
        twice = {"ord_1": [a_payment(refunded=500, gone=500), a_payment(id="pay_2")]}
        assert [each.found for each in orders.money_stands(batch(called_off, paid=twice))] == [
            "500"
        ]

    def test_a_refund_makes_room_for_another_payment(self) -> None:
        paid = {"ord_1": [a_payment(refunded=500), a_payment(id="pay_2", captured=500)]}

        assert list(money.never_paid_twice(batch(an_order(), paid=paid))) == []

    def test_a_cent_more_is_paid_twice(self) -> None:
        paid = {"ord_1": [a_payment(), a_payment(id="pay_2", captured=1)]}

        assert list(money.never_paid_twice(batch(an_order(), paid=paid))) == [
            Difference(("ord_1", "pay_1", "pay_2"), "at most 500 kept or taken", "501")
        ]

    def test_stock_of_other_units_is_not_the_order_s(self) -> None:
        held = {"rsv_1": [{"state": 2, "units": {"RAIN": 1}}]}

        assert [each.found for each in orders.stock_stands(batch(an_order(), stock=held))] == [
            "CONFIRMED {'RAIN': 1}"
        ]

    def test_a_lost_reservation_is_a_difference(self) -> None:
        assert [each.found for each in orders.stock_stands(batch(an_order(), stock={}))] == [
            "no reservation {}"
        ]

    def test_a_till_sale_has_no_cart_to_look_at(self) -> None:
        sold = an_order(cart="", placement="", state="FULFILLED")

        assert list(orders.cart_stands(batch(sold, checkout={}))) == []
        assert list(orders.order_is_its_quote(batch(sold, checkout={}))) == []

    def test_what_failed_tells_all_it_still_holds(self) -> None:
        failed = {"id": "ord_1", "placement": "plc_1", "state": "FAILED", "owner": "order/ord_1"}

        found = orders.failed_holds_nothing(
            batch(
                failed,
                stock={"order/ord_1": [{"id": "rsv_1"}]},
                paid={"ord_1": [a_payment(captured=0, held=500)]},
                checkout={"plc_1": [{"state": 1, "reserved": 1, "redeemed": 0}]},
            )
        )

        assert list(found) == [
            Difference(
                ("plc_1", "ord_1"),
                "nothing held, as it is FAILED",
                "stock in rsv_1; 500 kept or taken by pay_1; checkout HELD; 1 coupons used",
            )
        ]


class TestLeaked:
    hold = {"id": "rsv_1", "order_id": "ord_1", "state": "HELD"}  # noqa: RUF012 - never changed

    def judge(self, **begun: Any) -> list[str]:
        row = {"state": "FAILED", "ended": True, "order_state": None, "reservation": None}
        row |= {"recent": False} | begun
        found = stock.leaked(batch(self.hold, begun={"ord_1": [row]}))
        return [each.expected for each in found]

    def test_a_hold_of_a_running_placement_is_right(self) -> None:
        assert self.judge(state="SOURCED", ended=False) == []

    def test_a_hold_of_an_order_that_stands_is_right(self) -> None:
        stands = {"state": "PLACED", "order_state": "PLACED"}
        assert self.judge(**stands, reservation="rsv_1") == []
        assert self.judge(**stands, reservation="rsv_2") == [
            "nothing held, as the order is PLACED with rsv_2"
        ]

    def test_what_has_just_ended_is_in_flight(self) -> None:
        assert self.judge(recent=True) == []

    def test_a_hold_of_a_failed_placement_is_leaked(self) -> None:
        assert self.judge() == ["nothing held, as the order is FAILED"]

    def test_a_hold_of_a_cancelled_order_is_leaked(self) -> None:
        gone = self.judge(state="PLACED", order_state="CANCELLED", reservation="rsv_1")
        assert gone == ["nothing held, as the order is CANCELLED with rsv_1"]


class TestEvents:
    def test_only_what_is_missing_is_named(self) -> None:
        rows = [{"id": "1", "subject": "a"}, {"id": "2", "subject": "b"}]

        found = events.not_taken_in("cart", batch(*rows, taken={"1": [{"key": "1"}]}))

        assert list(found) == [Difference(("2", "b"), "taken in by cart", "not in its inbox")]
