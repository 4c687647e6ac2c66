"""Card numbers that somebody types in as their own are refused before anything is written down."""

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from comptoir.customers.v1 import customer_pb2
from comptoir.customers.v1 import customers_service_pb2 as pb
from comptoir.type.v1 import address_pb2
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.customers.tests import factories

NUMBER = "4242 4242 4242 4242"
Customer = customer_pb2.Customer


def newcomer(**fields: str) -> pb.RegisterRequest:
    request = factories.register_request()
    request.MergeFrom(pb.RegisterRequest(**fields))
    return request


def changed(customer: Customer, field: str) -> pb.UpdateCustomerRequest:
    customer.id = "me"
    return pb.UpdateCustomerRequest(
        customer=customer, update_mask=FieldMask(paths=[field]), request_id=factories.key()
    )


@pytest.mark.parametrize(
    ("request_", "reason", "field"),
    [
        (newcomer(given_name=NUMBER), "CARD_NUMBER_REFUSED", "given_name"),
        (newcomer(family_name=NUMBER), "CARD_NUMBER_REFUSED", "family_name"),
        (
            newcomer(email="4242424242424242@example.com"),
            "CARD_NUMBER_REFUSED",
            "email",
        ),
        (
            changed(Customer(given_name=NUMBER), "given_name"),
            "CARD_NUMBER_REFUSED",
            "customer.given_name",
        ),
        (changed(Customer(phone=NUMBER), "phone"), "INVALID_FIELDS", "customer.phone"),
        (
            changed(
                Customer(addresses=[address_pb2.Address(country="FR", city=NUMBER)]), "addresses"
            ),
            "CARD_NUMBER_REFUSED",
            "customer.addresses[0].city",
        ),
    ],
    ids=["new name", "new last name", "new e-mail", "name", "phone", "address"],
)
async def test_72_e7_one_is_refused_kept_nowhere_and_never_repeated(
    harness: ServiceHarness, request_: Message, reason: str, field: str
) -> None:
    session = await factories.new_session(harness)
    registers = isinstance(request_, pb.RegisterRequest)
    before = await harness.snapshot()

    with pytest.raises(RemoteFailure) as refused:
        await harness.call(
            "Register" if registers else "UpdateCustomer",
            request_,
            None if registers else session.access_token,
        )

    assert refused.value.reason == reason
    assert [each.field for each in refused.value.violations] == [field]
    assert "4242" not in refused.value.message + str(refused.value.violations)
    assert not before.changes_to(await harness.snapshot())


@pytest.mark.parametrize(
    "phone", ["", "+33 4 72 10 30 30", "+49 (0) 1511-234 56 78", "0".zfill(15)]
)
async def test_a_phone_number_is_written_as_people_do(harness: ServiceHarness, phone: str) -> None:
    session = await factories.new_session(harness)
    request = changed(Customer(phone=phone), "phone")
    answer = await harness.call("UpdateCustomer", request, session.access_token)
    assert answer.phone == phone
