import asyncio
import functools
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from comptoir_runtime.auth import (
    KeyRing,
    Kind,
    Principal,
    SigningKey,
    Verifier,
    load_keys,
    public_jwk,
    remember_key,
    sign,
)
from comptoir_runtime.errors import Unauthenticated
from libs.runtime.tests.integration.rpc.notes import Running

KEY = SigningKey.generate("2026-11")
PRINCIPAL = Principal(Kind.CUSTOMER, "cus_1")


async def remember(running: Running, key: SigningKey, kid: str, hours: float | None) -> None:
    expires = None if hours is None else datetime.now(UTC) + timedelta(hours=hours)
    async with running.database.transactions() as session:
        await remember_key(session, kid, orjson.dumps(public_jwk(key)).decode(), expires)


def verifier(running: Running) -> Verifier:
    return Verifier(KeyRing(load=functools.partial(load_keys, running.database.transactions)))


class TestStoredKeys:
    async def test_a_remembered_key_verifies_tokens(self, running: Running) -> None:
        await remember(running, KEY, KEY.kid, hours=1)
        token = sign(PRINCIPAL, KEY, lifetime=timedelta(minutes=10))
        assert await verifier(running).verify(token) == PRINCIPAL

    async def test_a_key_learnt_later_is_found(self, running: Running) -> None:
        checker = verifier(running)
        token = sign(PRINCIPAL, KEY, lifetime=timedelta(minutes=10))
        with pytest.raises(Unauthenticated):
            await checker.verify(token)
        await remember(running, KEY, KEY.kid, hours=1)
        await asyncio.sleep(1.1)
        assert await checker.verify(token) == PRINCIPAL

    async def test_an_expired_key_is_not_loaded(self, running: Running) -> None:
        await remember(running, KEY, KEY.kid, hours=-1)
        with pytest.raises(Unauthenticated):
            await verifier(running).verify(sign(PRINCIPAL, KEY, lifetime=timedelta(minutes=10)))

    async def test_a_key_has_no_end_until_its_end_is_told(self, running: Running) -> None:
        in_a_century = datetime.now(UTC) + timedelta(days=36_525)
        token = sign(PRINCIPAL, KEY, lifetime=timedelta(minutes=10), now=in_a_century.timestamp())
        keyring = KeyRing(load=functools.partial(load_keys, running.database.transactions))
        await remember(running, KEY, KEY.kid, hours=None)
        assert await Verifier(keyring, in_a_century.timestamp).verify(token) == PRINCIPAL

        await remember(running, KEY, KEY.kid, hours=-1)
        assert await load_keys(running.database.transactions) == []

    async def test_an_end_that_is_known_is_not_taken_back_by_older_news(
        self, running: Running
    ) -> None:
        await remember(running, KEY, KEY.kid, hours=-1)
        await remember(running, KEY, KEY.kid, hours=None)
        assert await load_keys(running.database.transactions) == []

    async def test_the_key_behind_a_kid_never_changes(self, running: Running) -> None:
        await remember(running, KEY, KEY.kid, hours=1)
        impostor = SigningKey.generate(KEY.kid)
        await remember(running, impostor, KEY.kid, hours=2)
        with pytest.raises(Unauthenticated):
            await verifier(running).verify(sign(PRINCIPAL, impostor, lifetime=timedelta(minutes=1)))

    async def test_a_key_with_another_name_is_refused(self, running: Running) -> None:
        with pytest.raises(ValueError, match="calls itself"):
            await remember(running, KEY, "other", hours=1)
        async with running.database.transactions.reading() as session:
            assert await session.fetchval("SELECT count(*) FROM verification_key") == 0
