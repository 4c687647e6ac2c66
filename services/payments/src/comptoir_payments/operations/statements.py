"""Taking in a provider's settlement report, and listing where it and our books differ."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from comptoir_payments import store
from comptoir_payments.domain import ledger
from comptoir_payments.domain.ledger import Transfer, TransferKind
from comptoir_payments.domain.statements import (
    Booking,
    Discrepancy,
    Imported,
    Key,
    Line,
    LineKind,
    Statement,
)
from comptoir_runtime.database import Session
from comptoir_runtime.errors import InvalidPageToken
from comptoir_runtime.ids import new_id

_FIRST = datetime.fromtimestamp(0, UTC), ""
_BEYOND = 2**63


async def import_report(session: Session, statement: Statement, lines: Sequence[Line]) -> Imported:
    """Adds lines, matches them and books fees and payouts; what is known changes nothing.

    Of what a line tells us first the provider is asked, as after a notice.

    Raises `ReportPeriodDiffers` and `ReportLineChanged`.
    """
    await store.open_statement(session, statement)
    new = await store.add_lines(session, statement, lines)
    for booking in await store.match_lines(session, statement):
        transfer = _transfer(session, statement, booking)
        store.post_transfer(session, transfer)
        await store.note_booking(session, statement, booking.line, transfer.operation)
    await _look(session, statement, lines)
    return await store.count_lines(session, statement, lines, new)


async def _look(session: Session, statement: Statement, lines: Sequence[Line]) -> None:
    """Leaves a notice to ourselves for what we have not heard of: its own may never have come."""
    for each in await store.unheard_of(session, statement, lines):
        await store.keep_notice(
            session,
            statement.provider,
            f"report:{statement.id}:{each.line}",
            each.kind,
            payment=each.payment,
            reference=each.reference,
        )


def _transfer(session: Session, statement: Statement, booking: Booking) -> Transfer:
    if booking.kind is LineKind.PAYOUT:
        kind = TransferKind.PAYOUT
        entries = ledger.payout_entries(statement.provider, booking.amount)
    else:
        kind = TransferKind.FEE
        entries = ledger.fee_entries(statement.provider, booking.amount)
    return Transfer(
        kind=kind,
        payment=None,
        # One fee for each operation, whatever reports say.
        operation=f"fee_{booking.operation}" if booking.operation else new_id("trf"),
        currency=booking.currency,
        at=session.clock.now(),
        entries=entries,
    )


async def list_discrepancies(
    session: Session, provider: str, report: str, after: Key, limit: int
) -> list[Discrepancy]:
    """Differences as they are now, after the one with key `after`; from the first one if empty.

    Raises `InvalidPageToken` for what is no key.
    """
    match after:
        case () | (int(), str()):
            found, since = await _about_lines(session, provider, report, after, limit), _FIRST
        case (str(moved), str(operation)):
            found, since = [], (_moment(moved), operation)
        case _:
            raise _foreign()
    if len(found) < limit:
        found += await store.missing_operations(
            session, provider, report, since, limit - len(found)
        )
    return found[:limit]


def _moment(text: str) -> datetime:
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment
    raise _foreign()


def _foreign() -> InvalidPageToken:
    return InvalidPageToken("the page token is not one of this list")


async def _about_lines(
    session: Session, provider: str, report: str, after: Key, limit: int
) -> list[Discrepancy]:
    number = after[0] if after else 0
    if not 0 <= number < _BEYOND:
        raise _foreign()
    found: list[Discrepancy] = []
    while len(found) < limit:
        lines = await store.doubtful_lines(session, provider, report, number, limit)
        for line in lines:
            found += (each for each in line.differences() if each.key > after)
        if len(lines) < limit:
            break
        number = lines[-1].number + 1
    return found
