"""Orders that somebody has to look at, because of what has happened to their money."""

import pytest
from google.protobuf.message import Message

from comptoir.orders.v1 import order_pb2
from comptoir.orders.v1 import orders_service_pb2 as pb
from comptoir.payments.v1 import events_pb2, payment_pb2
from comptoir_testing.harness import ServiceHarness
from services.orders.tests.factories import euros
from services.orders.tests.integration.shop import Shop
from services.orders.tests.neighbours import Town

REFUND, REVERSAL = payment_pb2.Operation.KIND_REFUND, payment_pb2.Operation.KIND_REVERSAL
REFUND_FAILED = order_pb2.OrderReview.REASON_REFUND_FAILED
DISPUTED = order_pb2.OrderReview.REASON_PAYMENT_DISPUTED
CHARGED_BACK = order_pb2.OrderReview.REASON_PAYMENT_CHARGED_BACK


@pytest.fixture
def shop(harness: ServiceHarness, town: Town) -> Shop:
    return Shop(harness, town)


def payment(
    order: str,
    *given_back: payment_pb2.Operation.Kind.ValueType,
    name: str = "pay_1",
    disputed: str = "",
    lost: str = "",
    version: int = 0,
) -> payment_pb2.Payment:
    return payment_pb2.Payment(
        id=name,
        version=version,
        order=order,
        operations=[
            payment_pb2.Operation(kind=kind, state=payment_pb2.Operation.STATE_SUCCEEDED)
            for kind in given_back
        ],
        disputed_amount=euros(disputed) if disputed else None,
        charged_back_amount=euros(lost) if lost else None,
    )


async def reviews(shop: Shop, order: str) -> list[tuple[str, int]]:
    return [(each.payment, each.reason) for each in (await shop.get(order)).reviews]


async def to_review(shop: Shop) -> list[str]:
    request = pb.ListOrdersRequest(needs_review=True)
    listed = await shop.harness.call("ListOrders", request, shop.office)
    return [each.id for each in listed.orders]


def refund_failed(about: payment_pb2.Payment) -> Message:
    return events_pb2.PaymentRefundFailed(payment_id=about.id, payment=about)


def closed(about: payment_pb2.Payment) -> Message:
    return events_pb2.PaymentDisputeClosed(payment_id=about.id, payment=about)


def disputed(about: payment_pb2.Payment) -> Message:
    return events_pb2.PaymentDisputed(payment_id=about.id, payment=about)


class TestReviews:
    async def test_a_refund_that_came_back_until_it_is_made_again(self, shop: Shop) -> None:
        order, other = (await shop.order()).id, (await shop.order()).id
        await shop.harness.deliver(refund_failed(payment(order, REFUND, REVERSAL)))

        assert await reviews(shop, order) == [("pay_1", REFUND_FAILED)]
        assert await reviews(shop, other) == []
        assert await to_review(shop) == [order]

        again = payment(order, REFUND, REVERSAL, REFUND)
        await shop.harness.deliver(events_pb2.PaymentRefunded(payment_id="pay_1", payment=again))

        assert await reviews(shop, order) == []
        assert await to_review(shop) == []

    async def test_a_dispute_until_it_is_won(self, shop: Shop) -> None:
        order = (await shop.order()).id
        await shop.harness.deliver(disputed(payment(order, disputed="5.00")))
        assert await reviews(shop, order) == [("pay_1", DISPUTED)]

        await shop.harness.deliver(closed(payment(order)))
        assert await reviews(shop, order) == []

    async def test_a_dispute_that_was_lost_stays(self, shop: Shop) -> None:
        order = (await shop.order()).id
        await shop.harness.deliver(disputed(payment(order, disputed="5.00")))
        await shop.harness.deliver(closed(payment(order, lost="5.00")))
        assert await reviews(shop, order) == [("pay_1", CHARGED_BACK)]

    async def test_each_payment_of_an_order_has_its_own(self, shop: Shop) -> None:
        order = (await shop.order()).id
        first = await shop.get(order)
        await shop.harness.deliver(disputed(payment(order, disputed="5.00")))
        await shop.harness.deliver(refund_failed(payment(order, REVERSAL, name="pay_2")))
        assert await reviews(shop, order) == [("pay_1", DISPUTED), ("pay_2", REFUND_FAILED)]
        await shop.harness.deliver(closed(payment(order)))
        assert await reviews(shop, order) == [("pay_2", REFUND_FAILED)]
        assert (await shop.get(order)).etag != first.etag

    async def test_what_is_older_than_what_is_known_changes_nothing(self, shop: Shop) -> None:
        """F7: after a broker was rolled back, news come in any order."""
        order = (await shop.order()).id
        again = payment(order, REFUND, REVERSAL, REFUND, version=7)
        await shop.harness.deliver(events_pb2.PaymentRefunded(payment_id="pay_1", payment=again))
        settled = await shop.get(order)
        await shop.harness.deliver(refund_failed(payment(order, REFUND, REVERSAL, version=5)))
        assert await shop.get(order) == settled

        later = payment(order, REFUND, REVERSAL, REFUND, REVERSAL, version=9)
        await shop.harness.deliver(refund_failed(later))
        assert await reviews(shop, order) == [("pay_1", REFUND_FAILED)]

    async def test_news_of_no_order_change_nothing(self, shop: Shop) -> None:
        await shop.harness.deliver(disputed(payment("ord_of_nobody", disputed="5.00")))
        assert await to_review(shop) == []
