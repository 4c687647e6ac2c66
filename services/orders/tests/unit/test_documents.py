"""What is written into a document comes back as it was."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from comptoir_orders import errors
from comptoir_orders.domain.orders import Delivery, DeliveryMode, OrderContent
from comptoir_orders.domain.processes import (
    CancellationData,
    CaptureData,
    PlacementData,
    SaleData,
    TenderTaken,
    VoidData,
)
from comptoir_orders.domain.sourcing import Allocation
from comptoir_orders.domain.tenders import Tender, TenderShare
from comptoir_orders.store.documents import read
from comptoir_orders.store.rows import with_tenders
from comptoir_runtime.errors import FailedPrecondition, Precondition, RemoteFailure
from services.orders.tests import factories

PLACEMENT = PlacementData(
    factories.intent(),
    customer="cus_1",
    currency="EUR",
    total=7490,
    quote=factories.quote(),
    plan=(Allocation("lin_1", "KETTLE", "LYON", 2),),
    hold_until=datetime(2026, 11, 20, 12, 30, 15, 123456, tzinfo=UTC),
    refusal=errors.Refusal("OUT_OF_STOCK", "FAILED_PRECONDITION", "none left", "comptoir.orders"),
    abandoned="",
)
VALUES = [
    PLACEMENT,
    PlacementData(factories.intent(buyer="")),
    replace(PLACEMENT, quote=factories.quote(delivery=factories.collected_in("store_lyon"))),
    PLACEMENT.ended(),
    factories.order().content,
    SaleData(
        replace(factories.quote(), delivery=Delivery(DeliveryMode.COUNTER, location="LYON")),
        (TenderTaken("cash", 7490, ""),),
        "LYON",
        "",
        "stf_1",
    ),
    CancellationData("why", ("pay_1",), "rsv_1"),
    CaptureData("ful_1", "pay_1", 100, "EUR"),
    VoidData("pay_1"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_round_trip(value: Any) -> None:
    assert read(type(value), orjson.loads(orjson.dumps(value))) == value


def test_a_document_of_yesterday_gets_todays_defaults() -> None:
    document = orjson.loads(orjson.dumps(factories.order().content))
    assert isinstance(read(OrderContent, document), OrderContent)
    old = {"intent": orjson.loads(orjson.dumps(factories.intent()))}

    assert read(PlacementData, old) == PlacementData(factories.intent())


def test_a_document_of_tomorrow_is_read_without_what_it_adds() -> None:
    written = orjson.loads(orjson.dumps(PLACEMENT))
    written["intent"]["instalments"] = 3

    assert read(PlacementData, {**written, "wrapping": {"kind": "gift"}}) == PLACEMENT


def test_a_placement_of_before_there_were_several_tenders_goes_on() -> None:
    """Deployed while it waited for its payer: the payment it asked for is the one to ask about."""
    new = orjson.loads(orjson.dumps(PLACEMENT))
    old = {name: value for name, value in new.items() if name != "tenders"} | {"payment": "pay_1"}
    old["intent"] = {
        name: value
        for name, value in new["intent"].items()
        if name not in ("tenders", "tender_currency")
    } | {"method": "card", "token": "tok_ok"}

    placement = read(PlacementData, with_tenders(old))

    assert placement.intent == PLACEMENT.intent
    assert placement.tenders == (Tender("card", "tok_ok", 7490, "pay_1"),)
    assert with_tenders(new) == new


def test_an_order_of_before_there_were_several_tenders_is_paid_by_its_only_payment() -> None:
    content = factories.order().content

    assert content.tenders == ()
    assert content.shares == (TenderShare("pay_1", 7490),)
    assert replace(content, payments=()).shares == ()


def test_nothing_to_pay_with_is_kept() -> None:
    assert b"tok_" not in orjson.dumps(PLACEMENT.ended())


class TestRefusals:
    def test_a_neighbours_refusal_is_raised_again_as_it_was(self) -> None:
        failure = RemoteFailure(
            "only 1 left",
            reason="OUT_OF_STOCK",
            status=FailedPrecondition.status,
            domain="comptoir.inventory",
            metadata={"sku": "KETTLE"},
            preconditions=[Precondition("OUT_OF_STOCK", "KETTLE@LYON", "1 available")],
        )

        again = errors.again(errors.kept(failure))

        assert isinstance(again, RemoteFailure)
        assert (again.domain, again.reason, again.status) == (
            "comptoir.inventory",
            "OUT_OF_STOCK",
            FailedPrecondition.status,
        )
        assert (again.message, again.metadata, again.preconditions) == (
            failure.message,
            failure.metadata,
            failure.preconditions,
        )

    def test_our_own_refusal_too(self) -> None:
        failure = errors.out_of_stock({"B": 2, "A": 3}, {"A": 1})

        again = errors.again(errors.kept(failure))

        assert (again.reason, again.status) == ("OUT_OF_STOCK", FailedPrecondition.status)
        assert again.metadata == {"sku": "A", "available": "1"}
        assert [(each.subject, each.description) for each in again.preconditions] == [
            ("A", "1 available, 3 asked for"),
            ("B", "0 available, 2 asked for"),
        ]
