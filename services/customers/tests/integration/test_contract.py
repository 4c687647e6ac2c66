"""What every service owes its callers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from comptoir.cart.v1 import events_pb2 as cart_pb2
from comptoir.customers.v1 import customer_pb2
from comptoir.customers.v1 import customers_service_pb2 as pb
from comptoir.orders.v1 import events_pb2 as orders_pb2
from comptoir.orders.v1 import order_pb2
from comptoir.payments.v1 import events_pb2 as payments_pb2
from comptoir.payments.v1 import payment_pb2
from comptoir.type.v1 import money_pb2
from comptoir_runtime import migrations
from comptoir_testing.examples import Example
from comptoir_testing.harness import ServiceHarness
from comptoir_testing.suites import (
    AuthorisationSuite,
    EtagSuite,
    IdempotencySuite,
    PagingSuite,
    RedeliverySuite,
)
from comptoir_testing.suites.redelivery import MakeEvent
from comptoir_testing.tokens import TokenFactory
from services.customers.tests import factories
from services.customers.tests.factories import key
from services.customers.tests.integration.test_timeline import claimed, created, placed

PRICE = money_pb2.Money(currency="EUR", amount="19.99")


def _reader(tokens: TokenFactory) -> str:
    return tokens.staff("customers.read", "customers.write")


def _manager(tokens: TokenFactory) -> str:
    return tokens.staff("staff.write", "stock.read")


async def _authenticate(harness: ServiceHarness) -> pb.AuthenticateRequest:
    customer = await factories.registered(harness)
    return pb.AuthenticateRequest(email=customer.email, password=factories.PASSWORD)


async def _authenticate_staff(harness: ServiceHarness) -> pb.AuthenticateStaffRequest:
    member = await factories.staff_member(harness)
    return pb.AuthenticateStaffRequest(email=member.email, password=factories.PASSWORD)


async def _refresh(harness: ServiceHarness) -> pb.RefreshSessionRequest:
    session = await factories.new_session(harness)
    return pb.RefreshSessionRequest(refresh_token=session.refresh_token)


async def _get(harness: ServiceHarness) -> pb.GetCustomerRequest:
    return pb.GetCustomerRequest(customer=(await factories.registered(harness)).id)


async def _update(harness: ServiceHarness) -> pb.UpdateCustomerRequest:
    customer = await factories.registered(harness)
    request = pb.UpdateCustomerRequest(customer=customer, request_id=key(), etag=customer.etag)
    request.customer.phone = "+33 4 00 00 00 00"
    request.update_mask.paths.append("phone")
    return request


async def _find(harness: ServiceHarness) -> pb.FindCustomersRequest:
    for _ in range(3):
        await factories.registered(harness, family_name="Lavande")
    return pb.FindCustomersRequest(query="lavan")


async def _timeline(harness: ServiceHarness) -> pb.GetTimelineRequest:
    customer = await factories.registered(harness)
    for _ in range(2):
        harness.clock.advance(1)
        await factories.signed_in(harness, customer.email)
    return pb.GetTimelineRequest(customer=customer.id)


def _create_staff(_: ServiceHarness) -> pb.CreateStaffMemberRequest:
    return pb.CreateStaffMemberRequest(
        request_id=key(),
        email=factories.email(),
        password=factories.PASSWORD,
        name="Vendeuse",
        permissions=["stock.read"],
    )


async def _list_staff(harness: ServiceHarness) -> pb.ListStaffMembersRequest:
    for _ in range(3):
        await factories.staff_member(harness)
    return pb.ListStaffMembersRequest()


EXAMPLES = {
    "StartAnonymousSession": Example(lambda _: pb.StartAnonymousSessionRequest()),
    "Register": Example(lambda _: factories.register_request()),
    "Authenticate": Example(_authenticate),
    "AuthenticateStaff": Example(_authenticate_staff),
    "RefreshSession": Example(_refresh),
    "EndSession": Example(
        lambda _: pb.EndSessionRequest(),
        token=lambda tokens: tokens.customer(),
        names_owned_thing=False,
    ),
    "GetJwks": Example(lambda _: pb.GetJwksRequest()),
    "GetCustomer": Example(_get, token=_reader),
    "UpdateCustomer": Example(_update, token=_reader),
    "FindCustomers": Example(_find, token=_reader),
    "GetTimeline": Example(_timeline, token=_reader),
    "CreateStaffMember": Example(_create_staff, token=_manager),
    "ListStaffMembers": Example(_list_staff, token=_manager),
}


class TestAuthorisation(AuthorisationSuite):
    examples = EXAMPLES


class TestIdempotency(IdempotencySuite):
    examples = EXAMPLES


class TestPaging(PagingSuite):
    examples = EXAMPLES


class TestEtag(EtagSuite):
    examples = EXAMPLES


def _cancelled(_: ServiceHarness) -> orders_pb2.OrderCancelled:
    return orders_pb2.OrderCancelled(order_id="ord_1", order=placed(10, "crt_1").order)


def _goods() -> order_pb2.Fulfilment:
    return order_pb2.Fulfilment(id="ful_1", location="lyon", fulfil_time=Timestamp(seconds=10))


def _payment() -> payment_pb2.Payment:
    return payment_pb2.Payment(id="pay_1", order="ord_1", payer="cus_one")


async def _claimed_after_a_visit(harness: ServiceHarness) -> cart_pb2.CartClaimed:
    await harness.deliver(created(10))
    return claimed()


class TestRedelivery(RedeliverySuite):
    events: ClassVar[Mapping[type[Message], MakeEvent]] = {
        cart_pb2.CartCreated: lambda _: created(10),
        cart_pb2.CartClaimed: _claimed_after_a_visit,
        orders_pb2.OrderPlaced: lambda _: placed(10, "crt_1"),
        orders_pb2.OrderCancelled: _cancelled,
        orders_pb2.FulfilmentShipped: lambda _: orders_pb2.FulfilmentShipped(
            order_id="ord_1", customer="cus_one", fulfilment=_goods()
        ),
        orders_pb2.FulfilmentHandedOver: lambda _: orders_pb2.FulfilmentHandedOver(
            order_id="ord_1", customer="cus_one", fulfilment=_goods()
        ),
        payments_pb2.PaymentCaptured: lambda _: payments_pb2.PaymentCaptured(
            payment_id="pay_1", payment=_payment(), amount=PRICE
        ),
        payments_pb2.PaymentRefunded: lambda _: payments_pb2.PaymentRefunded(
            payment_id="pay_1", payment=_payment(), amount=PRICE
        ),
        payments_pb2.PaymentRefundFailed: lambda _: payments_pb2.PaymentRefundFailed(
            payment_id="pay_1", payment=_payment(), amount=PRICE
        ),
        payments_pb2.PaymentDisputed: lambda _: payments_pb2.PaymentDisputed(
            payment_id="pay_1", payment=_payment(), amount=PRICE
        ),
        payments_pb2.PaymentDisputeClosed: lambda _: payments_pb2.PaymentDisputeClosed(
            payment_id="pay_1", payment=_payment(), amount=PRICE
        ),
    }


class TestMigrations:
    def test_tables_and_database_are_the_same(self, database_url: str) -> None:
        migrations.check("comptoir_customers", database_url)


class TestMe:
    async def test_me_is_the_caller(self, harness: ServiceHarness) -> None:
        session = await factories.new_session(harness)
        request = pb.GetCustomerRequest(customer="me")
        mine: customer_pb2.Customer = await harness.call(
            "GetCustomer", request, session.access_token
        )
        assert mine.id == session.subject
