"""Purses: what they hold changes by one guarded statement, what is in them by the ledger alone."""

from datetime import datetime, timedelta

from comptoir_payments.domain.purses import Purse, PurseKind
from comptoir_payments.errors import CreditAccountNotFound
from comptoir_runtime.database import Row, Session

_COLUMNS = """
id, kind, owner, buyers, currency, display, balance, held, credit_limit, terms_days, expires_at,
created_at"""

# Two buyers cannot spend one balance: the second waits for the row, then finds it too small. Added
# to a large balance, a large limit would be more than can be counted.
_HOLD = f"""
UPDATE purse SET held = held + $2, updated_at = $3
WHERE id = $1 AND balance - held >= $2 - credit_limit AND (expires_at IS NULL OR expires_at > $3)
RETURNING {_COLUMNS}"""
_LET_GO = f"""
UPDATE purse SET held = held - $2, updated_at = $3 WHERE id = $1 RETURNING {_COLUMNS}"""
_PROLONG = """
UPDATE purse SET expires_at = $2, updated_at = $3 WHERE id = $1 AND expires_at < $2"""

_BY_CODE = f"SELECT {_COLUMNS} FROM purse WHERE code_hash = $1"
_BY_ID = f"SELECT {_COLUMNS} FROM purse WHERE id = $1"
_BY_OWNER = f"""
SELECT {_COLUMNS} FROM purse
WHERE owner = $1 AND kind = $2 AND currency = $3 AND kind <> 'gift_card'"""

_INSERT = """
INSERT INTO purse (id, kind, owner, buyers, currency, code_hash, display, balance, held,
  credit_limit, terms_days, expires_at, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8, $9, $10, $11, $11)"""
_OPEN = f"""{_INSERT}
ON CONFLICT (owner, kind, currency) WHERE kind <> 'gift_card' DO UPDATE SET updated_at = $11
RETURNING {_COLUMNS}"""
_SET_TERMS = f"""{_INSERT}
ON CONFLICT (owner, kind, currency) WHERE kind <> 'gift_card' DO UPDATE
SET buyers = $4, credit_limit = $8, terms_days = $9, updated_at = $11
RETURNING {_COLUMNS}"""

_ATTEMPTS = "SELECT count FROM purse_attempt WHERE caller = $1 AND since > $2"
_NOTE_ATTEMPT = """
INSERT INTO purse_attempt (caller, since, count) VALUES ($1, $2, 1)
ON CONFLICT (caller) DO UPDATE SET
  count = CASE WHEN purse_attempt.since > $3 THEN purse_attempt.count + 1 ELSE 1 END,
  since = CASE WHEN purse_attempt.since > $3 THEN purse_attempt.since ELSE $2 END"""


async def hold(session: Session, purse: str, amount: int) -> Purse | None:
    """Lays claim to an amount; None when there is not enough, and nothing has changed."""
    row = await session.fetchrow(_HOLD, purse, amount, session.clock.now())
    return None if row is None else _purse(row)


async def let_go(session: Session, purse: str, amount: int) -> Purse:
    """Ends a claim: what was held is taken by an entry of the ledger now, or is free again."""
    row = await session.fetchrow(_LET_GO, purse, amount, session.clock.now())
    assert row is not None, "purses are never deleted"
    return _purse(row)


async def prolong(session: Session, purse: str, until: datetime) -> None:
    """It can be spent at least until then; one that lasts longer stays as it is."""
    await session.execute(_PROLONG, purse, until, session.clock.now())


async def purse_of_code(session: Session, code_hash: bytes) -> Purse | None:
    """The gift card with this code."""
    row = await session.fetchrow(_BY_CODE, code_hash)
    return None if row is None else _purse(row)


async def purse_of_owner(
    session: Session, kind: PurseKind, owner: str, currency: str
) -> Purse | None:
    """A customer's store credit, or the account of a company or customer."""
    row = await session.fetchrow(_BY_OWNER, owner, kind, currency)
    return None if row is None else _purse(row)


async def get_purse(session: Session, purse: str) -> Purse:
    row = await session.fetchrow(_BY_ID, purse)
    assert row is not None, "purses are never deleted"
    return _purse(row)


async def get_account(session: Session, owner: str, currency: str) -> Purse:
    """An account to buy on; raises `CreditAccountNotFound`."""
    found = await purse_of_owner(session, PurseKind.ON_ACCOUNT, owner, currency)
    if found is None:
        raise CreditAccountNotFound("nobody of this name buys on account in this currency")
    return found


async def add_card(session: Session, card: Purse, code_hash: bytes) -> None:
    """Writes down a gift card, still empty."""
    await session.execute(_INSERT, *_values(card, code_hash))


async def open_purse(session: Session, purse: Purse) -> Purse:
    """The purse of this owner, kind and currency: the one there is, or else this one."""
    row = await session.fetchrow(_OPEN, *_values(purse, None))
    assert row is not None, "it is there, or was made"
    return _purse(row)


async def set_terms(session: Session, account: Purse) -> Purse:
    """Opens an account to buy on, or changes its limit, its terms and its buyers."""
    row = await session.fetchrow(_SET_TERMS, *_values(account, None))
    assert row is not None, "it is there, or was made"
    return _purse(row)


async def attempts(session: Session, caller: str, within: timedelta) -> int:
    """How many wrong codes a caller has tried in this time."""
    found: int | None = await session.fetchval(_ATTEMPTS, caller, session.clock.now() - within)
    return found or 0


async def note_attempt(session: Session, caller: str, within: timedelta) -> None:
    """One more wrong code; counted from the first one in this time."""
    now = session.clock.now()
    await session.execute(_NOTE_ATTEMPT, caller, now, now - within)


def _values(purse: Purse, code_hash: bytes | None) -> tuple[object, ...]:
    return (
        purse.id,
        purse.kind,
        purse.owner,
        list(purse.buyers),
        purse.currency,
        code_hash,
        purse.display,
        purse.credit_limit,
        purse.terms_days,
        purse.expires_at,
        purse.created_at,
    )


def _purse(row: Row) -> Purse:
    return Purse(
        id=row["id"],
        kind=PurseKind(row["kind"]),
        owner=row["owner"],
        buyers=tuple(row["buyers"]),
        currency=row["currency"],
        display=row["display"],
        balance=row["balance"],
        held=row["held"],
        credit_limit=row["credit_limit"],
        terms_days=row["terms_days"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
    )
