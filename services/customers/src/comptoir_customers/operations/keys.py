"""Making keys in time, telling the others, and signing with the one whose turn it is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson

from comptoir_customers import events
from comptoir_customers.domain.keys import (
    LONGEST_TOKEN,
    PUBLISHED_BEFORE_USE,
    ROTATION,
    KeyRecord,
    next_is_due,
    signing_key,
)
from comptoir_customers.operations.vault import KeyVault
from comptoir_customers.store import keys as store
from comptoir_runtime import auth
from comptoir_runtime.auth import Principal, SigningKey
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.errors import Unavailable
from comptoir_runtime.ids import new_id

LOOK_AGAIN_SECONDS = 60.0
FIRST_KEY_PATIENCE_SECONDS = 5.0
NO_END = datetime(9999, 1, 1, tzinfo=UTC)


class NoSigningKey(Unavailable):
    """The first key is still being made."""


async def ensure_keys(session: Session, vault: KeyVault) -> list[KeyRecord]:
    """Makes the next key when it is due; answers all keys.

    A key is published well before it signs, so that everybody knows it by then.
    """
    now = session.clock.now()
    keys = await store.all_keys(session)
    if not next_is_due(keys, now):
        return keys
    await store.lock(session)
    keys = await store.all_keys(session)  # another replica may have made it meanwhile
    if not next_is_due(keys, now):
        return keys
    kid = new_id("key")
    pem, jwk = vault.make(kid)
    if not keys:
        made = KeyRecord(kid, pem, jwk, signs_from=now, signs_until=None)
    else:
        turn = max(keys[-1].signs_from + ROTATION, now + PUBLISHED_BEFORE_USE)
        made = KeyRecord(kid, pem, jwk, signs_from=turn, signs_until=None)
        ended = replace(keys[-1], signs_until=turn)
        await store.end(session, ended.kid, turn)
        await _publish(session, ended)
        keys[-1] = ended
    await store.insert(session, made)
    await _publish(session, made)
    return [*keys, made]


async def replace_keys(session: Session, vault: KeyVault) -> KeyRecord:
    """For keys that somebody may have: a new one signs at once, all others are not trusted any
    more. Whoever has a token of theirs has to refresh it.
    """
    await store.lock(session)
    now = session.clock.now()
    for key in await store.all_keys(session):
        if (key.retires_at() or NO_END) > now:
            gone = replace(key, signs_until=now - LONGEST_TOKEN)
            await store.end(session, gone.kid, now - LONGEST_TOKEN)
            await _publish(session, gone)
    kid = new_id("key")
    pem, jwk = vault.make(kid)
    made = KeyRecord(kid, pem, jwk, signs_from=now, signs_until=None)
    await store.insert(session, made)
    await _publish(session, made)
    return made


async def get_jwks(session: Session) -> str:
    """The keys that verify tokens now, as a JSON Web Key Set."""
    now = session.clock.now()
    valid = [
        orjson.loads(key.jwk)
        for key in await store.all_keys(session)
        if (key.retires_at() or NO_END) > now
    ]
    return orjson.dumps({"keys": valid}).decode()


async def _publish(session: Session, key: KeyRecord) -> None:
    session.emit(events.signing_key_state(key))
    await auth.remember_key(session, key.kid, key.jwk, key.retires_at() or NO_END)


class Signer:
    """Signs tokens with the key whose turn it is; made inside the event loop."""

    def __init__(self, transactions: Transactions, vault: KeyVault) -> None:
        self._transactions = transactions
        self._vault = vault
        self._keys: list[KeyRecord] = []
        self._opened: dict[str, SigningKey] = {}
        self._ready = asyncio.Event()

    async def run(self) -> None:
        """Keeps the keys up to date for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def refresh(self) -> None:
        """Makes the next key if it is due, and learns of keys others have made."""

        async def ensure(session: Session) -> list[KeyRecord]:
            return await ensure_keys(session, self._vault)

        self._keys = await self._transactions.run(ensure)
        self._ready.set()

    async def sign(self, principal: Principal, lifetime: timedelta) -> str:
        """A token that speaks for the principal from now on."""
        try:
            async with asyncio.timeout(FIRST_KEY_PATIENCE_SECONDS):
                await self._ready.wait()
        except TimeoutError:
            raise NoSigningKey("no key to sign with yet") from None
        record = signing_key(self._keys, self._transactions.clock.now())
        if record is None:
            raise NoSigningKey("no key to sign with yet")
        if record.kid not in self._opened:
            self._opened[record.kid] = self._vault.open(record.kid, record.private_pem)
        return auth.sign(principal, self._opened[record.kid], lifetime=lifetime)
