"""Proving who somebody is, and staying signed in."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime

from comptoir_customers import errors
from comptoir_customers.domain.people import SELF, Account, normalised_email
from comptoir_customers.domain.sessions import (
    ACCESS_LIFETIME,
    ATTEMPT_WINDOW,
    VISITOR_LIFETIME,
    RefreshToken,
    Session,
    SessionRecord,
    digest_of,
    successor_of,
)
from comptoir_customers.domain.timeline import Touch, TouchKind
from comptoir_customers.operations.keys import Signer
from comptoir_customers.policies.passwords import Argon2Passwords
from comptoir_customers.store import people, timeline
from comptoir_customers.store import sessions as store
from comptoir_runtime import auth
from comptoir_runtime.auth import Kind, Principal
from comptoir_runtime.database import Session as Database
from comptoir_runtime.database import Transactions
from comptoir_runtime.errors import Unauthenticated
from comptoir_runtime.ids import new_id

Find = Callable[[Database, str], Awaitable[Account | None]]


class Sessions:
    """The processes of signing in: hashing is slow and happens outside any transaction."""

    def __init__(
        self,
        transactions: Transactions,
        signer: Signer,
        passwords: Argon2Passwords,
        verifier: auth.Verifier,
    ) -> None:
        self._transactions = transactions
        self._signer = signer
        self._passwords = passwords
        self._verifier = verifier

    async def start_anonymous(self) -> Session:
        """An identity for a visitor; nothing is stored of it."""
        visitor = new_id("vis")
        token = await self._signer.sign(Principal(Kind.VISITOR, visitor), VISITOR_LIFETIME)
        expires = self._transactions.clock.now() + VISITOR_LIFETIME
        return Session(new_id("ses"), token, expires, "", None, visitor)

    async def authenticate(self, email: str, password: str, visitor_token: str) -> Session:
        """Signs a customer in, who may prove to have been a visitor until now."""
        visitor = await self._visitor_of(visitor_token)
        account = await self._proved(Kind.CUSTOMER, people.customer_account, email, password)
        return await self._begin(Kind.CUSTOMER, account, visitor)

    async def authenticate_staff(self, email: str, password: str) -> Session:
        """Signs a member of staff in."""
        account = await self._proved(Kind.STAFF, people.staff_account, email, password)
        return await self._begin(Kind.STAFF, account, None)

    async def refresh(self, token: str) -> Session:
        """The next session of a family; raises `RefreshTokenRefused`.

        A token that was spent before the grace ends its family, in a transaction that commits
        before the refusal is told.
        """
        rotated = await self._transactions.run(lambda session: self._rotate(session, token))
        if rotated is None:
            raise errors.RefreshTokenRefused
        record, account, successor, stored = rotated
        return await self._given(record, account, successor, stored)

    async def _visitor_of(self, token: str) -> str | None:
        if not token:
            return None
        try:
            principal = await self._verifier.verify(token)
        except Unauthenticated:
            raise errors.VisitorTokenRefused from None
        if principal.kind is not Kind.VISITOR:
            raise errors.VisitorTokenRefused
        return principal.subject

    async def _proved(self, kind: Kind, find: Find, email: str, password: str) -> Account:
        email = normalised_email(email)
        name = hashlib.sha256(f"{kind}:{email}".encode()).digest()
        account = await self._transactions.run(
            lambda session: self._attempt(session, name, find, email)
        )
        stored = None if account is None else account.password_hash
        right = await self._passwords.matches(password, stored)
        if account is None or not right:
            raise errors.CredentialsRefused
        await self._transactions.run(lambda session: store.forget_failures(session, name))
        return account

    async def _attempt(
        self, session: Database, name: bytes, find: Find, email: str
    ) -> Account | None:
        # Counted before the password is looked at: many attempts at once are many attempts.
        now = session.clock.now()
        attempts = await store.count_attempt(session, name, now, now - ATTEMPT_WINDOW)
        wait = attempts.wait(now)
        if wait is not None:
            raise errors.TooManyAttempts(wait)
        return await find(session, email)

    async def _begin(self, kind: Kind, account: Account, visitor: str | None) -> Session:
        token = secrets.token_urlsafe(32)

        async def begin(session: Database) -> tuple[SessionRecord, RefreshToken]:
            now = session.clock.now()
            record = SessionRecord(new_id("ses"), kind.value, account.id, visitor, now, None)
            stored = _stored(token, record, record.refresh_expires_at(now))
            await store.insert_session(session, record)
            await store.insert_token(session, stored)
            if kind is Kind.CUSTOMER:
                _tell_timeline(session, record)
            return record, stored

        record, stored = await self._transactions.run(begin)
        return await self._given(record, account, token, stored)

    async def _rotate(
        self, session: Database, token: str
    ) -> tuple[SessionRecord, Account, str, RefreshToken] | None:
        now = session.clock.now()
        spent = await store.lock_token(session, digest_of(token))
        record = None if spent is None else await store.get_session(session, spent.session)
        if spent is None or record is None or record.ended_at or spent.expires_at <= now:
            return None
        if spent.is_replayed(now):
            await store.end_session(session, record.id, now)
            return None
        account = await _account_of(session, record)
        if account is None:
            return None
        successor = successor_of(token, spent.nonce)
        stored = _stored(successor, record, record.refresh_expires_at(now))
        if spent.spent_at is None:
            await store.spend_token(session, spent.digest, now)
            await store.insert_token(session, stored)
        return record, account, successor, stored

    async def _given(
        self, record: SessionRecord, account: Account, refresh: str, stored: RefreshToken
    ) -> Session:
        kind = Kind(record.kind)
        principal = Principal(
            kind,
            account.id,
            permissions=account.permissions | {SELF} if kind is Kind.STAFF else frozenset(),
            visitor=record.visitor,
            session=record.id,
            store=account.location or None,
            groups=frozenset({account.group} - {""}),
        )
        access = await self._signer.sign(principal, ACCESS_LIFETIME)
        expires = self._transactions.clock.now() + ACCESS_LIFETIME
        return Session(record.id, access, expires, refresh, stored.expires_at, account.id)


async def end_session(session: Database, principal: Principal | None) -> None:
    """Ends the session the caller's token belongs to; a visitor's is stored nowhere."""
    if principal is not None and principal.session:
        await store.end_session(session, principal.session, session.clock.now())


async def _account_of(session: Database, record: SessionRecord) -> Account | None:
    if record.kind == Kind.STAFF:
        return await people.staff_account_of(session, record.subject)
    return await people.customer_account_of(session, record.subject)


def _tell_timeline(session: Database, record: SessionRecord) -> None:
    if record.visitor is not None:
        timeline.claim(session, record.visitor, record.subject)
    touch = Touch(
        new_id("tch"),
        record.subject,
        TouchKind.SIGNED_IN,
        record.created_at,
        reference=record.id,
    )
    timeline.add(session, touch)


def _stored(token: str, record: SessionRecord, expires_at: datetime) -> RefreshToken:
    return RefreshToken(digest_of(token), secrets.token_bytes(32), record.id, expires_at, None)
