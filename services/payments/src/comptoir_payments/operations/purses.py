"""Gift cards, store credit and credit accounts: how they come into being and what they hold."""

from dataclasses import replace
from datetime import datetime

from comptoir_payments import events, store
from comptoir_payments.domain import codes, ledger, purses
from comptoir_payments.domain.instructions import Issue, Terms
from comptoir_payments.domain.ledger import Entry, Transfer, TransferKind
from comptoir_payments.domain.purses import PREFIXES, Purse, PurseKind
from comptoir_payments.errors import (
    CreditAccountNotFound,
    GiftCardNotFound,
    GiftCardsNotConfigured,
)
from comptoir_payments.events import GiftCardMessage
from comptoir_payments.operations.confirmations import is_shopper
from comptoir_payments.operations.own import refuse_guessing
from comptoir_runtime.auth import Principal, require_owner
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.errors import InvalidFields, Violation
from comptoir_runtime.idempotency import RequestKey, recall
from comptoir_runtime.ids import new_id


class _AnotherWasFirst(Exception):
    """The same request is being carried out at the same time, and has won."""


async def issue_gift_card(
    transactions: Transactions, secret: str, wanted: Issue, request: RequestKey
) -> tuple[GiftCardMessage, str]:
    """The card and its code. Only the code's hash is kept: it is derived again for a repetition.

    Raises `GiftCardsNotConfigured`, and `InvalidFields` for one that would have expired already.
    """
    if not secret:
        raise GiftCardsNotConfigured("GIFT_CARD_SECRET is not set")
    body = await recall(transactions, request)
    if body is None:
        _require_future(wanted.expires_at, transactions.clock.now())
        try:
            body = await transactions.run(lambda session: _issue(session, secret, wanted, request))
        except _AnotherWasFirst:
            body = await recall(transactions, request)
            assert body is not None, "somebody else has kept an answer"
    card = events.stored_gift_card(body)
    return card, codes.code_of(secret, card.id)


def _require_future(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        told = Violation("expire_time", "must be in the future")
        raise InvalidFields("the gift card would have expired already", violations=[told])


async def _issue(session: Session, secret: str, wanted: Issue, request: RequestKey) -> bytes:
    now = session.clock.now()
    card_id = new_id(PREFIXES[PurseKind.GIFT_CARD])
    code = codes.code_of(secret, card_id)
    card = Purse(
        id=card_id,
        kind=PurseKind.GIFT_CARD,
        currency=wanted.currency,
        created_at=now,
        display=codes.display_of(code),
        expires_at=wanted.expires_at,
    )
    message = events.gift_card_message(replace(card, balance=wanted.amount))
    body = message.SerializeToString()
    if await store.keep_answer(session, request, body) != body:
        raise _AnotherWasFirst
    await store.add_card(session, card, codes.hash_of(code))
    # A card that was sold is paid by the order it was sold in, one that was given away by us.
    paid_from = ledger.RECEIVABLE if wanted.order else ledger.GOODWILL
    _fill(session, card, wanted.amount, paid_from)
    session.emit(events.gift_card_issued(message))
    return body


async def gift_card_balance(transactions: Transactions, code: str, caller: str) -> Purse:
    """Raises `GiftCardNotFound`, and `TooManyAttempts` after too many of them."""
    async with transactions.reading() as session:
        await refuse_guessing(session, caller)
        found = await store.purse_of_code(session, codes.hash_of(code))
        if found is None:
            await store.note_attempt(session, caller, purses.ATTEMPTS_WITHIN)
            raise GiftCardNotFound("no gift card has this code")
    return found


async def store_credit_of(
    session: Session, customer: str, currency: str, principal: Principal | None
) -> Purse:
    """A customer's credit; what is not there in the database is in fact zero.

    Raises `PermissionDenied` for visitors and other customers.
    """
    if is_shopper(principal):
        require_owner(principal, customer)
    found = await store.purse_of_owner(session, PurseKind.STORE_CREDIT, customer, currency)
    return found or _new_store_credit(session, customer, currency, "")


async def grant_store_credit(session: Session, customer: str, amount: int, currency: str) -> Purse:
    """Gives credit away."""
    credit = await open_store_credit(session, customer, currency)
    _fill(session, credit, amount, ledger.GOODWILL)
    return replace(credit, balance=credit.balance + amount)


async def open_store_credit(session: Session, customer: str, currency: str) -> Purse:
    """A customer's credit; it comes into being, empty, when it is first needed."""
    new = new_id(PREFIXES[PurseKind.STORE_CREDIT])
    return await store.open_purse(session, _new_store_credit(session, customer, currency, new))


def _new_store_credit(session: Session, customer: str, currency: str, credit_id: str) -> Purse:
    return Purse(
        id=credit_id,
        kind=PurseKind.STORE_CREDIT,
        currency=currency,
        created_at=session.clock.now(),
        owner=customer,
    )


async def set_credit_account(session: Session, terms: Terms) -> Purse:
    """Opens an account to buy on, or changes its terms; what is owed stays owed."""
    account = Purse(
        id=new_id(PREFIXES[PurseKind.ON_ACCOUNT]),
        kind=PurseKind.ON_ACCOUNT,
        currency=terms.currency,
        created_at=session.clock.now(),
        owner=terms.owner,
        buyers=terms.buyers,
        display=terms.owner,
        credit_limit=terms.credit_limit,
        terms_days=terms.days,
    )
    return await store.set_terms(session, account)


async def credit_account(
    session: Session, owner: str, currency: str, principal: Principal | None
) -> Purse:
    """Raises `CreditAccountNotFound`, also for visitors and customers who may not buy on it."""
    found = await store.get_account(session, owner, currency)
    subject = "" if principal is None else principal.subject
    if is_shopper(principal) and not found.may_be_used_by(subject):
        raise CreditAccountNotFound("nobody of this name buys on account in this currency")
    return found


async def record_account_receipt(session: Session, owner: str, amount: int, currency: str) -> Purse:
    """Books money that came in at the bank. Raises `CreditAccountNotFound`."""
    account = await store.get_account(session, owner, currency)
    entries = ledger.receipt_entries(amount, account.id)
    _post(session, TransferKind.RECEIPT, account, entries)
    # Read again: the entry has moved it, and others may have too.
    return await store.get_purse(session, account.id)


def _fill(session: Session, purse: Purse, amount: int, paid_from: str) -> None:
    entries = ledger.issue_entries(purse.kind, amount, purse.id, paid_from)
    _post(session, TransferKind.ISSUE, purse, entries)


def _post(session: Session, kind: TransferKind, purse: Purse, entries: tuple[Entry, ...]) -> None:
    transfer = Transfer(
        kind=kind,
        payment=None,
        operation=new_id("trf"),
        currency=purse.currency,
        at=session.clock.now(),
        entries=entries,
    )
    store.post_transfer(session, transfer)
