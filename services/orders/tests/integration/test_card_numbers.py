"""Card numbers are refused before anything of them is written down."""

import pytest
from google.protobuf.message import Message

from comptoir.orders.v1 import orders_service_pb2 as pb
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.orders.tests import factories
from services.orders.tests.integration.shop import Shop
from services.orders.tests.neighbours import Town

NUMBER = "4242 4242 4242 4242"
Choice = pb.PlaceOrderRequest.PaymentChoice


@pytest.fixture
def shop(harness: ServiceHarness, town: Town) -> Shop:
    town.carts.add(factories.quote())
    return Shop(harness, town)


def paid_with(*choices: Choice) -> pb.PlaceOrderRequest:
    return pb.PlaceOrderRequest(request_id="r", cart="crt_1", quote="f", payments=choices)


def coming_back_to(address: str) -> pb.PlaceOrderRequest:
    request = factories.place_order()
    request.return_url = address
    return request


def sold_with(reference: str) -> pb.RecordStoreSaleRequest:
    sale = factories.store_sale()
    sale.tenders[0].reference = reference
    return sale


class TestCardNumbers:
    @pytest.mark.parametrize(
        ("procedure", "request_", "field"),
        [
            ("PlaceOrder", factories.place_order(token=NUMBER), "payment.token"),
            ("PlaceOrder", paid_with(Choice(method="card", token=NUMBER)), "payments[0].token"),
            (
                "PlaceOrder",
                coming_back_to(f"https://shop.example/?{NUMBER.replace(' ', '-')}"),
                "return_url",
            ),
            ("RecordStoreSale", sold_with(NUMBER), "tenders[0].reference"),
            (
                "CancelOrder",
                pb.CancelOrderRequest(order="ord_1", request_id="r", reason=f"wrong: {NUMBER}"),
                "reason",
            ),
            (
                "CancelPlacement",
                pb.CancelPlacementRequest(placement="plc_1", request_id="r", reason=NUMBER),
                "reason",
            ),
        ],
        ids=["token", "one of several", "address", "till", "cancelled order", "placement"],
    )
    async def test_e7_one_is_refused_kept_nowhere_and_never_repeated(
        self, shop: Shop, procedure: str, request_: Message, field: str
    ) -> None:
        caller = shop.till if procedure == "RecordStoreSale" else shop.customer
        before = await shop.harness.snapshot()

        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call(procedure, request_, caller)

        assert refused.value.reason == "CARD_NUMBER_REFUSED"
        assert [each.field for each in refused.value.violations] == [field]
        assert "4242" not in refused.value.message + str(refused.value.violations)
        assert not before.changes_to(await shop.harness.snapshot())
        assert shop.town.carts.locks == 0
