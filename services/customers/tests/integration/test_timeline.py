"""The timeline, built from the neighbours' events."""

from __future__ import annotations

from typing import Any

import psycopg
from google.protobuf.timestamp_pb2 import Timestamp

from comptoir.cart.v1 import events_pb2 as cart_pb2
from comptoir.customers.v1 import customer_pb2
from comptoir.customers.v1 import customers_service_pb2 as pb
from comptoir.orders.v1 import events_pb2 as orders_pb2
from comptoir.orders.v1 import order_pb2
from comptoir.payments.v1 import events_pb2 as payments_pb2
from comptoir.payments.v1 import payment_pb2
from comptoir.type.v1 import money_pb2
from comptoir_testing.harness import ServiceHarness

CUSTOMER = "cus_one"
VISITOR = "vis_one"


async def timeline(harness: ServiceHarness, subject: str) -> list[customer_pb2.Touch]:
    answer = await harness.call(
        "GetTimeline",
        pb.GetTimelineRequest(customer=subject),
        harness.tokens.staff("customers.read"),
    )
    return list(answer.touches)


async def kinds(harness: ServiceHarness, subject: str) -> list[int]:
    return [touch.kind for touch in await timeline(harness, subject)]


def created(seconds: int) -> cart_pb2.CartCreated:
    return cart_pb2.CartCreated(
        cart_id="crt_1", owner=VISITOR, channel="web", create_time=Timestamp(seconds=seconds)
    )


def claimed() -> cart_pb2.CartClaimed:
    return cart_pb2.CartClaimed(cart_id="crt_1", owner=CUSTOMER, former_owner=VISITOR)


def placed(seconds: int, cart: str) -> orders_pb2.OrderPlaced:
    total = money_pb2.Money(currency="EUR", amount="19.99")
    return orders_pb2.OrderPlaced(
        order_id="ord_1",
        order=order_pb2.Order(
            id="ord_1",
            number="26-1",
            customer=CUSTOMER,
            channel="web" if cart else "store",
            currency="EUR",
            cart=cart,
            place_time=Timestamp(seconds=seconds),
            totals=order_pb2.OrderTotals(total=total),
        ),
    )


class TestTimeline:
    async def test_newest_first_with_what_the_visitor_did(self, harness: ServiceHarness) -> None:
        await harness.deliver(created(10))
        await harness.deliver(claimed())
        await harness.deliver(placed(20, "crt_1"))
        await harness.deliver(placed(30, ""))
        assert await kinds(harness, CUSTOMER) == [
            customer_pb2.Touch.KIND_STORE_SALE,
            customer_pb2.Touch.KIND_ORDER_PLACED,
            customer_pb2.Touch.KIND_CART,
        ]
        assert await kinds(harness, VISITOR) == []

    async def test_the_claim_may_come_before_the_touch(self, harness: ServiceHarness) -> None:
        await harness.deliver(claimed())
        await harness.deliver(created(10))
        assert await kinds(harness, CUSTOMER) == [customer_pb2.Touch.KIND_CART]

    async def test_a_sale_to_somebody_unknown_is_nobodys(self, harness: ServiceHarness) -> None:
        event = placed(10, "")
        event.order.customer = ""
        before = await harness.snapshot(ignoring=frozenset({"inbox"}))
        await harness.deliver(event)
        assert not before.changes_to(await harness.snapshot(ignoring=frozenset({"inbox"})))

    async def test_what_only_a_later_version_knows_is_passed_on(
        self, harness: ServiceHarness, owner_url: str
    ) -> None:
        await harness.deliver(created(10))
        await harness.deliver(placed(20, "crt_1"))
        with psycopg.connect(owner_url) as later:
            later.execute("ALTER TABLE touch DROP CONSTRAINT ck_touch_kind")
            later.execute("UPDATE touch SET kind = 99 WHERE kind = 4")
        await harness.deliver(claimed())

        assert await kinds(harness, CUSTOMER) == [99, customer_pb2.Touch.KIND_CART]


def about(seconds: int) -> dict[str, Any]:
    """Which payment an event is about, as it was at that time."""
    time = Timestamp(seconds=seconds)
    payment = payment_pb2.Payment(id="pay_1", order="ord_1", payer=CUSTOMER, update_time=time)
    return {"payment_id": payment.id, "payment": payment}


class TestAfterPayment:
    async def test_a_refund_that_failed_and_a_dispute_are_told(
        self, harness: ServiceHarness
    ) -> None:
        refund = money_pb2.Money(currency="EUR", amount="5.00")
        disputed = money_pb2.Money(currency="EUR", amount="14.99")
        told = payments_pb2
        for event in (
            told.PaymentRefunded(**about(10), amount=refund),
            told.PaymentRefundFailed(**about(20), amount=refund),
            told.PaymentDisputed(**about(30), amount=disputed),
            told.PaymentDisputeClosed(**about(40), amount=disputed, won=True),
            told.PaymentDisputed(**about(50), amount=disputed),
            told.PaymentDisputeClosed(**about(60), amount=disputed),
        ):
            await harness.deliver(event)

        touches = await timeline(harness, CUSTOMER)

        kind = customer_pb2.Touch
        assert [(each.kind, each.amount.amount, each.time.seconds) for each in touches] == [
            (kind.KIND_DISPUTE_LOST, "14.99", 60),
            (kind.KIND_PAYMENT_DISPUTED, "14.99", 50),
            (kind.KIND_DISPUTE_WON, "14.99", 40),
            (kind.KIND_PAYMENT_DISPUTED, "14.99", 30),
            (kind.KIND_REFUND_FAILED, "5.00", 20),
            (kind.KIND_REFUNDED, "5.00", 10),
        ]
        assert {each.reference for each in touches} == {"ord_1"}

    async def test_those_of_somebody_unknown_are_nobodys(self, harness: ServiceHarness) -> None:
        payment = payment_pb2.Payment(id="pay_1", order="ord_1")
        amount = money_pb2.Money(currency="EUR", amount="5.00")
        before = await harness.snapshot(ignoring=frozenset({"inbox"}))

        await harness.deliver(
            payments_pb2.PaymentDisputed(payment_id="pay_1", payment=payment, amount=amount)
        )

        assert not before.changes_to(await harness.snapshot(ignoring=frozenset({"inbox"})))
