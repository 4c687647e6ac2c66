"""What is asked of the neighbours, and what their answers mean."""

from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from comptoir.cart.v1 import cart_pb2, cart_service_pb2
from comptoir.inventory.v1 import inventory_service_pb2 as inventory_pb2
from comptoir.inventory.v1 import stock_pb2
from comptoir.payments.v1 import payment_pb2, payments_service_pb2
from comptoir.type.v1 import address_pb2
from comptoir_orders.clients import GrpcCarts, GrpcPayments, GrpcStock, PaymentStatus, Place
from comptoir_orders.domain.orders import DeliveryMode
from comptoir_orders.domain.schedule import HOLD
from comptoir_orders.domain.sourcing import Allocation, Beyond, Late, Offer, Promised
from comptoir_orders.errors import NotYourCart, OutcomeUnknown
from comptoir_runtime.addresses import Point
from comptoir_runtime.errors import Failure, RemoteFailure
from comptoir_runtime.timestamps import timestamp
from services.orders.tests.factories import euros

LATER = datetime(2026, 3, 1, tzinfo=UTC)
PLAN = (Allocation("lin_1", "KETTLE", "LYON", 2), Allocation("lin_2", "LAMP", "PARIS", 1))


class Neighbour:
    """Answers what it is told to, and remembers what it was asked."""

    def __init__(self, **answers: Message | Failure | list[Message]) -> None:
        self._answers = answers
        self.asked: list[tuple[str, Any]] = []

    async def call(self, name: str, request: Message, *, timeout: float = 3.0) -> Any:  # noqa: ASYNC109 - the client's own signature
        assert 0 < timeout < 14, "no call may outlast a lease"
        self.asked.append((name, request))
        answer = self._answers[name]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, Failure):
            raise answer
        return answer


def failure(status: grpc.StatusCode, reason: str = "") -> RemoteFailure:
    return RemoteFailure("no", reason=reason or status.name, status=status)


def quote() -> cart_pb2.Quote:
    return cart_pb2.Quote(
        fingerprint="f" * 64,
        cart=cart_pb2.Cart(
            id="crt_1",
            owner="cus_1",
            channel="mobile",
            currency="EUR",
            lines=[
                cart_pb2.CartLine(
                    id="lin_1",
                    sku="KETTLE",
                    name="Bouilloire",
                    quantity=2,
                    unit_price=euros("25.00"),
                    discount=euros("5.00"),
                    total=euros("45.00"),
                    tax=euros("7.50"),
                    tax_rate="20",
                )
            ],
            coupons=[
                cart_pb2.AppliedCoupon(code="BIENVENUE", discount=euros("5.00")),
                cart_pb2.AppliedCoupon(code="EXPIRED", reason="expired"),
            ],
            delivery=cart_pb2.Delivery(
                mode=cart_pb2.Delivery.MODE_SHIP,
                address=address_pb2.Address(
                    recipient="Camille Roux",
                    lines=["3 rue des Lilas"],
                    postal_code="69003",
                    city="Lyon",
                    country="FR",
                    point=address_pb2.Point(latitude=45.75, longitude=4.85),
                ),
                shipping_method="standard",
            ),
            totals=cart_pb2.Totals(
                subtotal=euros("50.00"),
                discount=euros("5.00"),
                shipping=euros("4.90"),
                tax=euros("8.32"),
                total=euros("49.90"),
            ),
        ),
    )


class TestCarts:
    async def test_the_quote_is_read_to_the_cent(self) -> None:
        neighbour = Neighbour(LockForCheckout=quote())

        found = await GrpcCarts(neighbour).lock("crt_1", "plc_1", "7", "f", "cus_1")

        assert neighbour.asked == [
            (
                "LockForCheckout",
                cart_service_pb2.LockForCheckoutRequest(
                    cart="crt_1", checkout="plc_1", etag="7", quote="f", buyer="cus_1"
                ),
            )
        ]
        assert (found.cart, found.owner, found.channel) == ("crt_1", "cus_1", "mobile")
        assert (found.totals.total, found.totals.shipping) == (4990, 490)
        assert found.adds_up()
        (line,) = found.lines
        assert (line.id, line.unit_price, line.discount, line.total) == ("lin_1", 2500, 500, 4500)
        assert found.coupons == ("BIENVENUE",)
        assert found.delivery.mode is DeliveryMode.SHIP
        assert found.delivery.address is not None
        assert found.delivery.address.point == Point(45.75, 4.85)

    async def test_a_cart_of_another_is_the_callers_matter(self) -> None:
        neighbour = Neighbour(LockForCheckout=failure(grpc.StatusCode.PERMISSION_DENIED))

        with pytest.raises(NotYourCart):
            await GrpcCarts(neighbour).lock("crt_1", "plc_1", "", "f", "cus_1")

    async def test_lines_without_an_id_get_one(self) -> None:
        answer = quote()
        answer.cart.lines[0].id = ""

        found = await GrpcCarts(Neighbour(QuoteLines=answer)).price(
            "store", "EUR", "", [("KETTLE", 2)]
        )

        assert found.lines[0].id.startswith("lin_")


class TestStock:
    async def test_figures_by_location(self) -> None:
        neighbour = Neighbour(
            GetAvailability=inventory_pb2.GetAvailabilityResponse(
                availability=[
                    stock_pb2.Availability(
                        sku="KETTLE",
                        levels=[
                            stock_pb2.StockLevel(location="LYON", available=3),
                            stock_pb2.StockLevel(
                                location="PARIS",
                                available=1,
                                backorder_available=7,
                                expected_time=timestamp(LATER),
                            ),
                        ],
                    ),
                    stock_pb2.Availability(
                        sku="LAMP", levels=[stock_pb2.StockLevel(location="LYON", available=9)]
                    ),
                ]
            )
        )

        found = await GrpcStock(neighbour).available(["KETTLE", "LAMP"], "web")

        assert found == {
            "LYON": Offer({"KETTLE": 3, "LAMP": 9}),
            "PARIS": Offer({"KETTLE": 1}, {"KETTLE": Beyond(7, LATER)}),
        }
        (asked,) = neighbour.asked
        assert (asked[1].can_ship, asked[1].can_pick_up, list(asked[1].locations)) == (
            True,
            False,
            [],
        )

    async def test_goods_to_collect_are_asked_for_in_the_store(self) -> None:
        neighbour = Neighbour(GetAvailability=inventory_pb2.GetAvailabilityResponse())

        await GrpcStock(neighbour).available(["KETTLE"], "web", store="store_lyon")

        (asked,) = neighbour.asked
        assert (asked[1].can_ship, asked[1].can_pick_up, list(asked[1].locations)) == (
            False,
            True,
            ["store_lyon"],
        )

    async def test_figures_are_good_for_a_second_unless_they_must_be_fresh(self) -> None:
        def levels(*skus: str) -> Message:
            return inventory_pb2.GetAvailabilityResponse(
                availability=[
                    stock_pb2.Availability(
                        sku=sku, levels=[stock_pb2.StockLevel(location="LYON", available=3)]
                    )
                    for sku in skus
                ]
            )

        answers = [levels("KETTLE", "LAMP"), levels("KETTLE"), levels("KETTLE", "CUP")]
        stock = GrpcStock(neighbour := Neighbour(GetAvailability=answers))

        await stock.available(["KETTLE", "LAMP"], "web", fresh=False)
        again = await stock.available(["LAMP"], "web", fresh=False)
        await stock.available(["KETTLE"], "web", fresh=True)
        await stock.available(["KETTLE", "CUP"], "web", fresh=False)

        assert again == {"LYON": Offer({"LAMP": 3})}
        asked = [list(request.skus) for _, request in neighbour.asked]
        assert asked == [["KETTLE", "LAMP"], ["KETTLE"], ["KETTLE", "CUP"]]
        # Fresh means as committed: the replica that answers may not have heard of it yet.
        assert [request.current for _, request in neighbour.asked] == [False, True, False]

    async def test_figures_of_one_channel_are_not_those_of_another(self) -> None:
        stock = GrpcStock(
            neighbour := Neighbour(
                GetAvailability=[inventory_pb2.GetAvailabilityResponse() for _ in range(2)]
            )
        )
        for channel in ("web", "app"):
            await stock.available(["KETTLE"], channel, fresh=False)
        assert [request.channel for _, request in neighbour.asked] == ["web", "app"]

    async def test_a_plan_is_reserved_as_it_is(self) -> None:
        neighbour = Neighbour(Reserve=stock_pb2.Reservation(id="rsv_1"))

        reservation = await GrpcStock(neighbour).reserve("key", "order/ord_1", "web", PLAN, HOLD)

        assert reservation == Promised("rsv_1")
        (asked,) = neighbour.asked
        assert (asked[1].request_id, asked[1].owner, asked[1].channel) == (
            "key",
            "order/ord_1",
            "web",
        )
        assert asked[1].time_to_live.seconds == 1800
        assert [(each.sku, each.location, each.quantity) for each in asked[1].lines] == [
            ("KETTLE", "LYON", 2),
            ("LAMP", "PARIS", 1),
        ]

    async def test_what_has_run_out_is_not_kept_after_all(self) -> None:
        neighbour = Neighbour(ConfirmReservation=stock_pb2.Reservation(id="rsv_1"))

        await GrpcStock(neighbour).keep("rsv_1")

        (asked,) = neighbour.asked
        assert (asked[1].reservation, asked[1].held_only) == ("rsv_1", True)

    async def test_what_of_a_promise_has_still_to_come_is_told(self) -> None:
        late = stock_pb2.ReservationLine(
            sku="KETTLE",
            location="LYON",
            quantity=2,
            backordered_quantity=1,
            expected_time=timestamp(LATER),
        )
        there = stock_pb2.ReservationLine(sku="LAMP", location="PARIS", quantity=1)
        answer = stock_pb2.Reservation(id="rsv_1", lines=[late, there])

        held = await GrpcStock(Neighbour(Reserve=answer)).reserve(
            "key", "order/1", "web", PLAN, HOLD
        )

        assert held == Promised("rsv_1", (Late("KETTLE", "LYON", 1, LATER),))

    async def test_places_are_read_page_by_page_and_kept(self) -> None:
        known = stock_pb2.Location(
            code="LYON",
            address=address_pb2.Address(point=address_pb2.Point(latitude=45.7, longitude=4.8)),
        )
        pages: list[Message] = [
            inventory_pb2.ListLocationsResponse(locations=[known], next_page_token="more"),
            inventory_pb2.ListLocationsResponse(locations=[stock_pb2.Location(code="NOWHERE")]),
        ]
        stock = GrpcStock(neighbour := Neighbour(ListLocations=pages))

        first, second = await stock.places(), await stock.places()

        assert first == second
        assert first == {
            "LYON": Place("LYON", Point(45.7, 4.8)),
            "NOWHERE": Place("NOWHERE", None),
        }
        assert [asked.page_token for _, asked in neighbour.asked] == ["", "more"]

    async def test_no_order_fails_for_want_of_distances(self) -> None:
        stock = GrpcStock(Neighbour(ListLocations=failure(grpc.StatusCode.UNAVAILABLE)))

        assert await stock.places() == {}


class TestPayments:
    @pytest.mark.parametrize(
        ("state", "status"),
        [
            ("STATE_AUTHORISED", PaymentStatus.AUTHORISED),
            ("STATE_CAPTURED", PaymentStatus.AUTHORISED),
            ("STATE_REQUIRES_ACTION", PaymentStatus.ACTION_REQUIRED),
            ("STATE_FAILED", PaymentStatus.ENDED),
            ("STATE_VOIDED", PaymentStatus.ENDED),
            ("STATE_UNKNOWN", PaymentStatus.UNKNOWN),
            ("STATE_CREATED", PaymentStatus.UNKNOWN),
        ],
    )
    async def test_states(self, state: str, status: PaymentStatus) -> None:
        payment = payment_pb2.Payment(
            id="pay_1", state=payment_pb2.Payment.State.Value(state), amount=euros("49.90")
        )
        neighbour = Neighbour(ConfirmPayment=payment)

        assert (await GrpcPayments(neighbour).ask("key", "pay_1")).status is status

    async def test_the_amount_is_asked_for_and_read_to_the_cent(self) -> None:
        payment = payment_pb2.Payment(
            id="pay_1",
            state=payment_pb2.Payment.STATE_AUTHORISED,
            amount=euros("49.90"),
            authorised_amount=euros("49.90"),
        )
        neighbour = Neighbour(AuthorisePayment=payment)

        view = await GrpcPayments(neighbour).authorise(
            "key",
            order="ord_1",
            payer="cus_1",
            amount=4990,
            currency="EUR",
            method="card",
            token="pm_1",
            return_url="https://shop.example",
            channel="b2b",
        )

        assert (view.id, view.authorised, view.currency) == ("pay_1", 4990, "EUR")
        assert neighbour.asked == [
            (
                "AuthorisePayment",
                payments_service_pb2.AuthorisePaymentRequest(
                    request_id="key",
                    order="ord_1",
                    payer="cus_1",
                    amount=euros("49.90"),
                    method="card",
                    token="pm_1",
                    return_url="https://shop.example",
                    channel="b2b",
                ),
            )
        ]


class TestAnswersThatSayNothing:
    @pytest.mark.parametrize(
        "answer",
        [
            failure(grpc.StatusCode.UNAVAILABLE),
            failure(grpc.StatusCode.DEADLINE_EXCEEDED),
            failure(grpc.StatusCode.INTERNAL),
            failure(grpc.StatusCode.CANCELLED),
            failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"),
            failure(grpc.StatusCode.ABORTED, "LOCK_TIMEOUT"),
            failure(grpc.StatusCode.ABORTED, "CONCURRENT_CHANGE"),
            failure(grpc.StatusCode.ABORTED, "OPERATION_IN_PROGRESS"),
            failure(grpc.StatusCode.UNAVAILABLE, "OUTCOME_UNKNOWN"),
        ],
        ids=lambda answer: answer.reason,
    )
    async def test_nobody_knows_whether_it_happened(self, answer: Failure) -> None:
        neighbour = Neighbour(Reserve=answer)

        with pytest.raises(OutcomeUnknown):
            await GrpcStock(neighbour).reserve("key", "order/ord_1", "web", PLAN, HOLD)

    @pytest.mark.parametrize(
        "answer",
        [
            failure(grpc.StatusCode.FAILED_PRECONDITION, "OUT_OF_STOCK"),
            failure(grpc.StatusCode.ABORTED, "STALE_ETAG"),
            failure(grpc.StatusCode.NOT_FOUND, "LOCATION_NOT_FOUND"),
            failure(grpc.StatusCode.UNAVAILABLE, "PROVIDER_UNAVAILABLE"),
            failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS"),
        ],
        ids=lambda answer: answer.reason,
    )
    async def test_a_refusal_is_handed_on_as_it_is(self, answer: Failure) -> None:
        neighbour = Neighbour(Reserve=answer)

        with pytest.raises(Failure) as refused:
            await GrpcStock(neighbour).reserve("key", "order/ord_1", "web", PLAN, HOLD)

        assert refused.value is answer
