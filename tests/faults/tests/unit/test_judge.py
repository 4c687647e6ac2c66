"""The judge sees what it is there to see: each wrong in the books is a finding of its own."""

from typing import Any

import pytest

from tests.faults import books
from tests.faults.books import Books
from tests.faults.judge import compare
from tests.faults.witness import Purchase

TOTAL = {"currency": "EUR", "amount": "12.00"}
ORDER = {
    "id": "ord_1",
    "number": "26-1",
    "cart": "crt_1",
    "state": "PLACED",
    "total": 1200,
    "currency": "EUR",
    "document": {"lines": [{"sku": "LAMP", "quantity": 1}]},
}
PAYMENT = {
    "id": "pay_1",
    "order_id": "ord_1",
    "state": "authorised",
    "captured_amount": 0,
    "refunded_amount": 0,
}
THEIRS = {
    "authorised_amount": 1200,
    "voided_amount": 0,
    "captured_amount": 0,
    "refunded_amount": 0,
}
HOLD = {"id": "rsv_1", "owner": "order/ord_1", "state": 2, "lines": [["LAMP", "lyon", 1, 0, 0]]}
STOCK = {"sku": "LAMP", "location": "lyon", "on_hand": 5, "reserved": 1}


def a_good_day() -> Books:
    rows: dict[tuple[str, str], Any] = {
        ("orders", books.ORDERS): [dict(ORDER)],
        ("orders", books.PLACEMENTS): [],
        ("payments", books.PAYMENTS): [dict(PAYMENT)],
        ("payments", books.UNBALANCED): [],
        ("payments", "capture"): [],
        ("payments", "refund"): [],
        ("inventory", books.RESERVATIONS): [dict(HOLD)],
        ("inventory", books.STOCK): [dict(STOCK)],
        ("inventory", books.STOCK_OFF): [],
        ("cart", books.COUPONS): [{"code": "TEN", "usage_limit": 1, "used_count": 1}],
        ("cart", books.REDEMPTIONS): [{"code": "TEN", "checkout": "plc_1", "state": 2}],
        ("cart", books.QUARANTINED): [],
    }
    return Books(rows, {"pay_1": dict(THEIRS)}, [], {})


def bought(**changes: Any) -> Purchase:
    placed = {"state": "STATE_PLACED", "order": "ord_1"}
    purchase = Purchase("key", "crt_1", TOTAL, [("LAMP", 1)], 1, [placed])
    for name, change in changes.items():
        setattr(purchase, name, change)
    return purchase


def ids(read: Books, *purchases: Purchase) -> set[str]:
    return {finding.split(" ", 1)[0] for finding in compare(read, purchases).findings}


def test_a_good_day_has_no_findings() -> None:
    verdict = compare(a_good_day(), [bought()])

    assert verdict.findings == []
    assert (verdict.acknowledged, verdict.refused, verdict.lost) == (1, 0, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"cart": "crt_2"},
        {"total": {"currency": "EUR", "amount": "12.01"}},
        {"lines": [("LAMP", 2)]},
        {"answers": [{"state": "STATE_PLACED", "order": "ord_2"}]},
        {"answers": [{"state": "REFUSED", "reason": "OUT_OF_STOCK"}]},
    ],
)
def test_a_promise_that_was_not_kept(changes: dict[str, Any]) -> None:
    assert ids(a_good_day(), bought(**changes)) == {"O2"}


@pytest.mark.parametrize(
    ("service", "query", "change", "expected"),
    [
        ("orders", books.ORDERS, {"state": "CANCELLED"}, {"M12", "S3"}),
        ("payments", books.PAYMENTS, {"state": "voided"}, {"M5"}),
        ("payments", books.PAYMENTS, {"captured_amount": 1200}, {"M5"}),
        ("inventory", books.RESERVATIONS, {"state": 4}, {"S1", "S3"}),
        ("inventory", books.RESERVATIONS, {"owner": "order/ord_9"}, {"S3"}),
        ("inventory", books.RESERVATIONS, {"state": 1}, {"S3"}),
        ("inventory", books.STOCK, {"reserved": 2}, {"S1"}),
        ("inventory", books.STOCK, {"on_hand": 0}, {"S1"}),
        ("cart", books.COUPONS, {"used_count": 2}, {"P1"}),
        ("cart", books.COUPONS, {"used_count": 0}, {"P1"}),
        ("cart", books.REDEMPTIONS, {"state": 3}, {"P1"}),
    ],
)
def test_a_wrong_row(service: str, query: str, change: dict[str, Any], expected: set[str]) -> None:
    read = a_good_day()
    read.rows[service, query] = [{**read.rows[service, query][0], **change}]

    assert ids(read, bought()) == expected


@pytest.mark.parametrize(
    "change", [{"authorised_amount": 1300}, {"voided_amount": 1200}, {"captured_amount": 1200}]
)
def test_the_provider_says_something_else(change: dict[str, int]) -> None:
    read = a_good_day()
    read.provider["pay_1"] = {**THEIRS, **change}

    assert ids(read, bought()) == {"M5"}


def test_a_second_charge_for_one_order() -> None:
    read = a_good_day()
    read.rows["payments", books.PAYMENTS] = [PAYMENT, {**PAYMENT, "id": "pay_2"}]
    read.provider["pay_2"] = THEIRS

    assert ids(read, bought()) == {"M5"}


def test_a_charge_that_we_do_not_know() -> None:
    read = a_good_day()
    read.provider["pay_2"] = THEIRS

    assert ids(read, bought()) == {"M5"}


def test_a_fact_that_never_arrived_and_one_that_was_put_aside() -> None:
    read = a_good_day()
    read.missing = {"customers": ["comptoir.orders.v1.OrderPlaced 1"]}
    aside = {"id": "1", "type": "comptoir.orders.v1.OrderPlaced", "error": "ValueError"}
    read.rows["cart", books.QUARANTINED] = [aside]

    assert ids(read, bought()) == {"E2", "E6"}
