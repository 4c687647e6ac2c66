"""The amount guard at capture: never more than was agreed, never more than has left."""

from dataclasses import replace
from typing import Any

import pytest

from comptoir.orders.v1 import order_pb2
from comptoir_testing.harness import ServiceHarness
from services.orders.tests.integration.shop import Shop
from services.orders.tests.neighbours import Town


@pytest.fixture
def shop(harness: ServiceHarness, town: Town) -> Shop:
    return Shop(harness, town)


class TestTheAmountGuard:
    @pytest.mark.parametrize(
        "differs",
        [{"authorised": 7491}, {"authorised": 9990}, {"currency": "USD"}],
        ids=["a cent more was kept", "much more was kept", "another currency"],
    )
    async def test_what_was_not_agreed_is_not_counted_and_staff_hear_of_it(
        self, shop: Shop, differs: dict[str, Any]
    ) -> None:
        order = await shop.order_in_two_parcels()
        payment = shop.town.payments.by_id["pay_1"]
        payment.view = replace(payment.view, **differs)

        await shop.ship(order.fulfilments[0].id)

        assert await shop.until_overdue(order.id) == (
            order_pb2.Process.KIND_CAPTURE,
            "PAYMENT_AMOUNT_MISMATCH",
        )
        assert (await shop.get(order.id)).captured.amount == "0.00"
        # However often it was tried, it was asked for under one key, and only for what left.
        assert payment.captured == {order.fulfilments[0].id: 5490}

    async def test_what_was_taken_besides_is_not_counted(self, shop: Shop) -> None:
        order = await shop.order_in_two_parcels()
        payment = shop.town.payments.by_id["pay_1"]
        payment.captured["somebody else's"] = 2000

        await shop.ship(order.fulfilments[0].id)
        await shop.until_captured(order.id, "54.90")
        await shop.ship(order.fulfilments[1].id)

        assert await shop.until_overdue(order.id) == (
            order_pb2.Process.KIND_CAPTURE,
            "CAPTURE_EXCEEDS_AUTHORISATION",
        )
        assert (await shop.get(order.id)).captured.amount == "54.90"
        assert sum(payment.captured.values()) == 7490
