"""Replacing the keys that sign users' tokens, as after a theft."""

import jwt
import orjson

from comptoir.customers.v1 import customers_service_pb2, events_pb2
from comptoir_customers.operations.keys import replace_keys
from comptoir_customers.operations.vault import KeyVault
from comptoir_testing.harness import ServiceHarness
from services.customers.tests import factories


async def known_keys(harness: ServiceHarness) -> list[str]:
    answer = await harness.call("GetJwks", customers_service_pb2.GetJwksRequest())
    return [key["kid"] for key in orjson.loads(answer.jwks)["keys"]]


class TestReplaceKeys:
    async def test_the_new_key_is_the_only_one_that_is_trusted(
        self, harness: ServiceHarness
    ) -> None:
        session = await factories.new_session(harness)
        stolen = jwt.get_unverified_header(session.access_token)["kid"]

        made = await harness.transactions.run(lambda each: replace_keys(each, KeyVault("")))

        assert await known_keys(harness) == [made.kid]
        told = await harness.events(events_pb2.SigningKeyState)
        ends = {each.kid: each.retire_time.ToSeconds() for each in told}
        assert ends[stolen] == int(harness.clock.now().timestamp())
        trusted = "SELECT kid FROM verification_key WHERE expires_at > $1"
        async with harness.transactions.reading() as reading:
            rows = await reading.fetch(trusted, harness.clock.now())
        assert [row["kid"] for row in rows] == [made.kid]

    async def test_replacing_once_more_replaces_the_replacement(
        self, harness: ServiceHarness
    ) -> None:
        await factories.new_session(harness)
        first = await harness.transactions.run(lambda each: replace_keys(each, KeyVault("")))
        harness.clock.advance(1)
        second = await harness.transactions.run(lambda each: replace_keys(each, KeyVault("")))

        assert first.kid != second.kid
        assert await known_keys(harness) == [second.kid]
