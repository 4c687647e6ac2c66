"""People to test with."""

from __future__ import annotations

from uuid import uuid4

from comptoir.customers.v1 import customer_pb2
from comptoir.customers.v1 import customers_service_pb2 as pb
from comptoir_testing.harness import ServiceHarness

PASSWORD = "correct horse battery staple"


def key() -> str:
    """A fresh request id."""
    return uuid4().hex


def email() -> str:
    """An e-mail nobody has."""
    return f"{uuid4().hex[:12]}@example.com"


def register_request(address: str = "", family_name: str = "") -> pb.RegisterRequest:
    """Somebody new."""
    return pb.RegisterRequest(
        request_id=key(),
        email=address or email(),
        password=PASSWORD,
        given_name="Cliente",
        family_name=family_name,
    )


async def registered(
    harness: ServiceHarness, address: str = "", family_name: str = ""
) -> customer_pb2.Customer:
    """A registered customer."""
    customer: customer_pb2.Customer = await harness.call(
        "Register", register_request(address, family_name)
    )
    return customer


async def signed_in(
    harness: ServiceHarness, address: str, visitor_token: str = ""
) -> customer_pb2.Session:
    """The session of a registered customer."""
    request = pb.AuthenticateRequest(email=address, password=PASSWORD, visitor_token=visitor_token)
    session: customer_pb2.Session = await harness.call("Authenticate", request)
    return session


async def new_session(harness: ServiceHarness) -> customer_pb2.Session:
    """The session of somebody new."""
    customer = await registered(harness)
    return await signed_in(harness, customer.email)


async def staff_member(harness: ServiceHarness, address: str = "") -> customer_pb2.StaffMember:
    """A member of staff who may read stock."""
    request = pb.CreateStaffMemberRequest(
        request_id=key(),
        email=address or email(),
        password=PASSWORD,
        name="Vendeuse",
        permissions=["stock.read"],
        location="store_lyon",
    )
    member: customer_pb2.StaffMember = await harness.call(
        "CreateStaffMember", request, harness.tokens.staff("staff.write", "stock.read")
    )
    return member
