"""The judge sees what it is there to see: each broken promise is a finding of its own.

What the books must satisfy among themselves is the auditor's, and is broken in its own tests.
"""

from dataclasses import replace
from typing import Any

import pytest

from tests.faults.books import Books
from tests.faults.judge import Verdict, compare
from tests.faults.witness import Deed, Evidence, Part, Purchase, Request

TOTAL = {"currency": "EUR", "amount": "12.00"}
LINES = [{"sku": "LAMP", "quantity": 1}]
ORDER = {
    "id": "ord_1",
    "cart": "crt_1",
    "state": "PLACED",
    "total": 1200,
    "currency": "EUR",
    "lines": LINES,
    "payments": ["pay_gift", "pay_card"],
    "review": {},
}
GIFT = {
    "id": "pay_gift",
    "order_id": "ord_1",
    "method": "gift_card",
    "amount": 200,
    "refunded": 50,
    "disputed": 0,
    "charged_back": 0,
    "purse": "gft_1",
}
CARD = GIFT | {"id": "pay_card", "method": "card", "amount": 1000, "refunded": 0, "purse": None}
CANCELLED = ORDER | {"id": "ord_2", "cart": "crt_2", "state": "CANCELLED", "payments": ["pay_2"]}
PAID_BACK = CARD | {"id": "pay_2", "order_id": "ord_2", "amount": 1200}
PARTS = [Part("gift_card", 200, "gft_1"), Part("card", 1000)]

GRANTED = {"state": "GRANTED"}
REFUSED = {"state": "REFUSED"}


def a_good_day() -> Books:
    """One order paid by gift card and card, sent, and partly paid back; another one called off."""
    return Books(
        orders=[ORDER, CANCELLED],
        parcels=[{"id": "ful_1", "state": "SHIPPED"}, {"id": "ful_2", "state": "CANCELLED"}],
        payments=[GIFT, CARD, PAID_BACK],
        purses=[{"id": "gft_1", "available": 850}],
    )


def purchase(number: int, parts: list[Part]) -> Purchase:
    placed = {"state": "STATE_PLACED", "order": f"ord_{number}"}
    return Purchase(f"key{number}", f"crt_{number}", TOTAL, [("LAMP", 1)], parts, 1, [placed])


def request(deed: Deed, of: str, amount: int = 0, **told: Any) -> Request:
    return Request(f"{deed} {of}", deed, of, amount, [GRANTED | told])


def what_was_told(**changes: Any) -> Evidence:
    """By those who saw the good day; `changes` to the first purchase."""
    purchases = [
        replace(purchase(1, PARTS), **changes),
        purchase(2, [Part("card", 1200)]),
    ]
    requests = [
        request(Deed.FILL, "/v1/gift-cards", 1000, purse="gft_1"),
        request(Deed.CANCEL, "ord_2"),
        request(Deed.SHIP, "ful_1"),
        request(Deed.REFUND, "pay_gift", 50),
    ]
    return Evidence(purchases, requests)


def ids(read: Books, told: Evidence) -> list[str]:
    return [finding.partition(" ")[0] for finding in compare(read, told)]


def test_a_good_day_has_no_findings() -> None:
    told = what_was_told()
    verdict = Verdict(told, compare(a_good_day(), told))

    assert verdict.findings == []
    assert (verdict.acknowledged, verdict.refused, verdict.lost) == (2, 0, 0)
    assert [verdict.granted(deed) for deed in Deed] == [1, 1, 1, 1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "changes",
    [
        {"total": {"currency": "EUR", "amount": "12.01"}},
        {"lines": [("LAMP", 2)]},
        {"answers": [{"state": "STATE_PLACED", "order": "ord_9"}]},
        {"answers": [{"state": "REFUSED", "reason": "OUT_OF_STOCK"}]},
        {"parts": [Part("gift_card", 200, "gft_1"), Part("on_account", 1000)]},
        {"parts": [Part("gift_card", 200, "gft_1"), Part("card", 999)]},
    ],
)
def test_a_promise_that_was_not_kept(changes: dict[str, Any]) -> None:
    assert ids(a_good_day(), what_was_told(**changes)) == ["O2"]


def test_a_gift_card_that_another_one_was_taken_for() -> None:
    read = a_good_day()
    read.payments = [GIFT | {"purse": "gft_other"}, CARD, PAID_BACK]

    # Asked of one, taken from another: both the order and what is left tell of it.
    assert ids(read, what_was_told()) == ["O2", "M11"]


def test_an_order_that_was_acknowledged_and_is_gone() -> None:
    read = a_good_day()
    read.orders = [CANCELLED]

    assert ids(read, what_was_told()) == ["O2", "M11"]


def test_an_order_that_nobody_asked_for() -> None:
    read = a_good_day()
    read.orders = [ORDER, CANCELLED, ORDER | {"id": "ord_3", "cart": "crt_3"}]

    assert ids(read, what_was_told()) == ["O1"]


def test_one_key_and_two_orders() -> None:
    told = what_was_told()
    told.purchases[0].answers.append({"state": "STATE_PLACED", "order": "ord_3"})

    assert ids(a_good_day(), told) == ["O1"]


@pytest.mark.parametrize("state", ["PLACED", "FULFILLED"])
def test_an_order_that_was_called_off_and_stands(state: str) -> None:
    read = a_good_day()
    read.orders = [ORDER, CANCELLED | {"state": state}]

    assert ids(read, what_was_told()) == ["O2"]


def test_an_order_that_nobody_has_called_off() -> None:
    told = what_was_told()
    told.requests[1].answers = [REFUSED]

    assert ids(a_good_day(), told) == ["O2"]


def test_a_cancellation_that_was_never_answered_may_be_either() -> None:
    told, read = what_was_told(), a_good_day()
    told.requests[1].answers = []
    assert ids(read, told) == []

    read.orders = [ORDER, CANCELLED | {"state": "PLACED"}]
    assert ids(read, told) == []


@pytest.mark.parametrize("answers", [[], [REFUSED]])
def test_a_parcel_that_is_still_there_and_one_that_left_by_itself(answers: list[Any]) -> None:
    told, read = what_was_told(), a_good_day()
    read.parcels = [{"id": "ful_1", "state": "PROPOSED"}]
    assert ids(read, told) == ["O2"]

    told.requests[2].answers = answers
    read.parcels = [{"id": "ful_1", "state": "SHIPPED"}]
    assert ids(read, told) == (["O2"] if answers else [])


@pytest.mark.parametrize("refunded", [0, 49, 51, 100])
def test_a_refund_that_is_not_what_was_told(refunded: int) -> None:
    read = a_good_day()
    read.payments = [GIFT | {"refunded": refunded}, CARD, PAID_BACK]
    read.purses = [{"id": "gft_1", "available": 800 + refunded}]

    assert ids(read, what_was_told()) == ["M10"]


def test_a_refund_that_came_back_is_owed_until_it_is_made_again() -> None:
    told, read = what_was_told(), a_good_day()
    read.payments = [GIFT, CARD, PAID_BACK]
    told.requests += [request(Deed.REFUND, "pay_card", 100), request(Deed.BOUNCE, "pay_card", 100)]
    assert ids(read, told) == ["O2"], "nobody is shown it"

    read.orders = [ORDER | {"review": {"pay_card": "REFUND_FAILED"}}, CANCELLED]
    assert ids(read, told) == []
    read.payments = [GIFT, CARD | {"refunded": 100}, PAID_BACK]
    assert ids(read, told) == ["M10"], "our books have never heard of it"

    told.requests.append(request(Deed.REFUND, "pay_card", 100))
    assert ids(read, told) == ["O2"], "it is still shown"
    read.orders = [ORDER, CANCELLED]
    assert ids(read, told) == []


@pytest.mark.parametrize(
    ("deeds", "disputed", "charged_back", "review"),
    [
        ((Deed.DISPUTE,), 150, 0, "PAYMENT_DISPUTED"),
        ((Deed.DISPUTE, Deed.WIN), 0, 0, ""),
        ((Deed.DISPUTE, Deed.LOSE), 0, 150, "PAYMENT_CHARGED_BACK"),
    ],
)
def test_disputes_are_as_the_bank_has_decided(
    deeds: tuple[Deed, ...], disputed: int, charged_back: int, review: str
) -> None:
    told, read = what_was_told(), a_good_day()
    told.requests += [request(deed, "pay_card", 150) for deed in deeds]
    right = CARD | {"disputed": disputed, "charged_back": charged_back}
    shown = {"pay_card": review} if review else {}
    read.payments = [GIFT, right, PAID_BACK]
    read.orders = [ORDER | {"review": shown}, CANCELLED]
    assert ids(read, told) == []

    read.payments = [GIFT, right | {"disputed": disputed + 1}, PAID_BACK]
    assert ids(read, told) == ["M5"]
    read.payments = [GIFT, right | {"charged_back": charged_back + 1}, PAID_BACK]
    assert ids(read, told) == ["M5"]
    read.payments = [GIFT, right, PAID_BACK]
    read.orders = [ORDER | {"review": {"pay_card": "REFUND_FAILED"}}, CANCELLED]
    assert ids(read, told) == ["O2"]


@pytest.mark.parametrize("available", [0, 849, 1000])
def test_a_gift_card_with_something_else_on_it(available: int) -> None:
    read = a_good_day()
    read.purses = [{"id": "gft_1", "available": available}]

    assert ids(read, what_was_told()) == ["M11"]


def test_a_gift_card_that_was_issued_and_does_not_exist() -> None:
    read = a_good_day()
    read.purses = []

    assert ids(read, what_was_told()) == ["M11"]


def test_each_finding_is_counted_once_whoever_has_it() -> None:
    found = ["M5.journal [payments+provider] pay_1: …", "O2 ord_1 …", "S3 [inventory] …", "M8 …"]
    verdict = Verdict(Evidence([]), found)

    assert (verdict.lost, verdict.doubled, verdict.leaked, verdict.other) == (1, 1, 1, 1)
