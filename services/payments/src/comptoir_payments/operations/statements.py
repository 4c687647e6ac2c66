"""Taking in a provider's settlement report, and listing where it and our books differ."""

from collections.abc import Sequence

from comptoir_payments import store
from comptoir_payments.domain import ledger
from comptoir_payments.domain.ledger import Transfer, TransferKind
from comptoir_payments.domain.statements import (
    AFTER_ALL_LINES,
    NO_TIME,
    Booking,
    Discrepancy,
    Imported,
    Key,
    Line,
    LineKind,
    Statement,
)
from comptoir_runtime.database import Session
from comptoir_runtime.ids import new_id

_FIRST = Key(0, NO_TIME, "")


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
            # Both names may hold colons: the length tells where the first one ends.
            f"report:{len(statement.id)}:{statement.id}:{each.line}",
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
    session: Session, provider: str, report: str, after: Key | None, limit: int
) -> list[Discrepancy]:
    """Differences as they are now, after the one with that key; from the first one without."""
    after = after or _FIRST
    if after.line < AFTER_ALL_LINES:
        found = await _about_lines(session, provider, report, after, limit)
        after = _FIRST
    else:
        found = []
    if len(found) < limit:
        found += await store.missing_operations(
            session, provider, report, (after.moved_at, after.name), limit - len(found)
        )
    return found[:limit]


async def _about_lines(
    session: Session, provider: str, report: str, after: Key, limit: int
) -> list[Discrepancy]:
    number = after.line
    found: list[Discrepancy] = []
    while len(found) < limit:
        lines = await store.doubtful_lines(session, provider, report, number, limit)
        for line in lines:
            found += (each for each in line.differences() if each.key > after)
        if len(lines) < limit:
            break
        number = lines[-1].number + 1
    return found
