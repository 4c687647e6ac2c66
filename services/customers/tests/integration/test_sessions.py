"""Signing in over gRPC, on a real database."""

from __future__ import annotations

import asyncio

import jwt
import orjson
import pytest

from comptoir.customers.v1 import customers_service_pb2 as pb
from comptoir_customers.policies.passwords import Argon2Passwords
from comptoir_runtime.errors import NetworkCallInTransaction, RemoteFailure
from comptoir_runtime.idempotency import key_of
from comptoir_testing.harness import ServiceHarness
from services.customers.tests import factories

KEPT = "SELECT request_hash FROM idempotency WHERE key = $1"


def claims(token: str) -> dict[str, object]:
    read: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return read


async def refresh(harness: ServiceHarness, token: str) -> object:
    return await harness.call("RefreshSession", pb.RefreshSessionRequest(refresh_token=token))


async def attempt(harness: ServiceHarness, email: str, password: str) -> str:
    try:
        await harness.call("Authenticate", pb.AuthenticateRequest(email=email, password=password))
    except RemoteFailure as refusal:
        return refusal.reason
    return "signed in"


class TestSignIn:
    async def test_a_token_verifies_with_the_published_keys(self, harness: ServiceHarness) -> None:
        session = await factories.new_session(harness)
        answer = await harness.call("GetJwks", pb.GetJwksRequest())
        [jwk] = orjson.loads(answer.jwks)["keys"]
        key = jwt.PyJWK(jwk)
        read = jwt.decode(session.access_token, key, ["ES256"], audience="comptoir")
        assert (read["sub"], read["knd"]) == (session.subject, "customer")

    async def test_a_visitor_who_signs_in_proves_to_have_been_one(
        self, harness: ServiceHarness
    ) -> None:
        customer = await factories.registered(harness)
        anonymous = await harness.call("StartAnonymousSession", pb.StartAnonymousSessionRequest())
        session = await factories.signed_in(harness, customer.email, anonymous.access_token)
        assert claims(session.access_token)["vis"] == anonymous.subject

    async def test_a_customers_token_is_no_visitors(self, harness: ServiceHarness) -> None:
        session = await factories.new_session(harness)
        customer = await factories.registered(harness)
        with pytest.raises(RemoteFailure) as refusal:
            await factories.signed_in(harness, customer.email, session.access_token)
        assert refusal.value.reason == "VISITOR_TOKEN_REFUSED"

    async def test_unknown_and_known_addresses_are_refused_alike(
        self, harness: ServiceHarness
    ) -> None:
        customer = await factories.registered(harness)
        for address in (customer.email, factories.email()):
            attempts = [await attempt(harness, address, "wrong password") for _ in range(6)]
            assert attempts == ["CREDENTIALS_REFUSED"] * 5 + ["TOO_MANY_ATTEMPTS"]
        assert await attempt(harness, customer.email, factories.PASSWORD) == "TOO_MANY_ATTEMPTS"
        harness.clock.advance(15 * 60)
        assert await attempt(harness, customer.email, factories.PASSWORD) == "signed in"

    async def test_many_guesses_at_once_are_many_guesses(self, harness: ServiceHarness) -> None:
        customer = await factories.registered(harness)
        guesses = (attempt(harness, customer.email, f"guess number {n}") for n in range(9))
        outcomes = await asyncio.gather(*guesses)
        assert outcomes.count("CREDENTIALS_REFUSED") <= 5
        assert set(outcomes) <= {"CREDENTIALS_REFUSED", "TOO_MANY_ATTEMPTS"}

    async def test_a_password_of_a_megabyte_is_refused_unread(
        self, harness: ServiceHarness
    ) -> None:
        assert await attempt(harness, factories.email(), "x" * 1_000_000) == "INVALID_FIELDS"

    async def test_staff_hold_their_permissions_and_themselves(
        self, harness: ServiceHarness
    ) -> None:
        member = await factories.staff_member(harness)
        request = pb.AuthenticateStaffRequest(email=member.email, password=factories.PASSWORD)
        session = await harness.call("AuthenticateStaff", request)
        read = claims(session.access_token)
        assert (read["prm"], read["sto"]) == (["self", "stock.read"], "store_lyon")

    async def test_nobody_gives_what_they_do_not_hold(self, harness: ServiceHarness) -> None:
        request = pb.CreateStaffMemberRequest(
            email=factories.email(),
            password=factories.PASSWORD,
            name="Vendeuse",
            permissions=["ledger.read"],
        )
        with pytest.raises(RemoteFailure) as refusal:
            await harness.call("CreateStaffMember", request, harness.tokens.staff("staff.write"))
        assert refusal.value.reason == "PERMISSION_NOT_HELD"


class TestRegistering:
    """46: what is slow on purpose is no way to stop the others."""

    async def test_46_passwords_are_hashed_while_no_transaction_is_open(
        self, harness: ServiceHarness
    ) -> None:
        """Who waits for a turn to hash keeps no connection from the others."""
        passwords = Argon2Passwords()
        async with harness.transactions():
            for hashing in (passwords.hash("x"), passwords.matches("x", None)):
                with pytest.raises(NetworkCallInTransaction):
                    await hashing
        customer = await factories.registered(harness)
        member = await factories.staff_member(harness)
        assert await attempt(harness, customer.email, factories.PASSWORD) == "signed in"
        request = pb.AuthenticateStaffRequest(email=member.email, password=factories.PASSWORD)
        assert (await harness.call("AuthenticateStaff", request)).subject == member.id

    async def test_42_of_a_password_nothing_quick_to_guess_by_is_kept(
        self, harness: ServiceHarness
    ) -> None:
        """42, I2: one request id with two passwords is one request, and the first one counts."""
        request = factories.register_request()
        first = await harness.call("Register", request)
        async with harness.transactions.reading() as session:
            kept = await session.fetchval(KEPT, request.request_id)
        request.password = "another one altogether"

        assert await harness.call("Register", request) == first

        assert kept == hash_without_password(request)
        assert await attempt(harness, first.email, request.password) == "CREDENTIALS_REFUSED"
        assert await attempt(harness, first.email, factories.PASSWORD) == "signed in"


def hash_without_password(request: pb.RegisterRequest) -> bytes:
    """What tells a request from another, if nothing of its password is in it."""
    bare = pb.RegisterRequest()
    bare.CopyFrom(request)
    bare.ClearField("password")
    return key_of("", "", bare).request_hash


class TestRefresh:
    async def test_a_token_is_spent_once(self, harness: ServiceHarness) -> None:
        session = await factories.new_session(harness)
        harness.clock.advance(60)
        following = await refresh(harness, session.refresh_token)
        assert following.refresh_token not in ("", session.refresh_token)  # type: ignore[attr-defined]  # a message
        assert following.id == session.id  # type: ignore[attr-defined]  # a message

    async def test_two_at_once_get_the_same_successor(self, harness: ServiceHarness) -> None:
        session = await factories.new_session(harness)
        answers = await asyncio.gather(*(refresh(harness, session.refresh_token) for _ in range(5)))
        assert len({answer.refresh_token for answer in answers}) == 1  # type: ignore[attr-defined]  # messages

    async def test_a_replayed_token_ends_the_family(self, harness: ServiceHarness) -> None:
        session = await factories.new_session(harness)
        following = await refresh(harness, session.refresh_token)
        harness.clock.advance(31)
        for token in (session.refresh_token, following.refresh_token):  # type: ignore[attr-defined]  # a message
            with pytest.raises(RemoteFailure) as refusal:
                await refresh(harness, token)
            assert refusal.value.reason == "REFRESH_TOKEN_REFUSED"

    async def test_an_ended_session_is_not_refreshed(self, harness: ServiceHarness) -> None:
        session = await factories.new_session(harness)
        harness.tokens.trust_in(harness.service.runtime.keyring)
        await harness.call("EndSession", pb.EndSessionRequest(), session.access_token)
        with pytest.raises(RemoteFailure) as refusal:
            await refresh(harness, session.refresh_token)
        assert refusal.value.reason == "REFRESH_TOKEN_REFUSED"


class TestKeys:
    async def test_tokens_of_the_former_key_stay_valid_while_the_next_signs(
        self, harness: ServiceHarness
    ) -> None:
        old = await factories.new_session(harness)
        signer = harness.service.parts.background[0].__self__  # type: ignore[attr-defined]  # a bound method
        harness.clock.advance(28 * 86_400)
        await signer.refresh()
        answer = await harness.call("GetJwks", pb.GetJwksRequest())
        assert len(orjson.loads(answer.jwks)["keys"]) == 2
        harness.clock.advance(2 * 86_400)
        new = await factories.new_session(harness)
        kids = {jwt.get_unverified_header(each.access_token)["kid"] for each in (old, new)}
        assert len(kids) == 2
        request = pb.GetCustomerRequest(customer="me")
        mine = await harness.call("GetCustomer", request, old.access_token)
        assert mine.id == old.subject
