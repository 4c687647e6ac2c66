"""Providers' settlement reports: their lines, what these match, and where the books differ."""

from collections.abc import Sequence

from comptoir_payments.domain.ledger import fee_account
from comptoir_payments.domain.statements import (
    Booking,
    Imported,
    Line,
    LineKind,
    Statement,
    Unheard,
)
from comptoir_payments.errors import ReportLineChanged, ReportPeriodDiffers
from comptoir_payments.store.differences import EARLIER, UNTOLD
from comptoir_runtime.database import Session

# Imports of a provider come one after the other: an operation that two reports name has one fee,
# and of its lines the first one stays the first, as none that came before it is committed later.
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(7207103, hashtext($1))"

_OPEN = """
INSERT INTO provider_report (provider, id, starts_at, ends_at, imported_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (provider, id) DO UPDATE SET imported_at = excluded.imported_at
WHERE provider_report.starts_at = excluded.starts_at AND provider_report.ends_at = excluded.ends_at
RETURNING id"""

_GIVEN = """
unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
  $9::timestamptz[], $10::text[]) WITH ORDINALITY
  AS given (line, kind, reference, currency, amount, fee, booked_at, payment, place)"""
_ADD = f"""
INSERT INTO provider_report_line
  (provider, report_id, line, kind, provider_reference, currency, amount, fee, booked_at,
  provider_payment)
SELECT $1, $2, line, kind, reference, currency, amount, fee, booked_at, payment FROM {_GIVEN}
ORDER BY place
ON CONFLICT DO NOTHING
RETURNING line"""
_CHANGED = f"""
SELECT given.line FROM {_GIVEN}
JOIN provider_report_line known
  ON known.provider = $1 AND known.report_id = $2 AND known.line = given.line
WHERE (known.kind, known.provider_reference, known.currency, known.amount, known.fee,
  known.booked_at) IS DISTINCT FROM
  (given.kind, given.reference, given.currency, given.amount, given.fee, given.booked_at)
  OR known.provider_payment NOT IN ('', given.payment)
LIMIT 1"""
# Lines that an older version took in name no payment: they do once they come again.
_NAME_PAYMENTS = f"""
UPDATE provider_report_line known SET provider_payment = given.payment
FROM {_GIVEN}
WHERE known.provider = $1 AND known.report_id = $2 AND known.line = given.line
  AND known.provider_payment = '' AND given.payment <> ''"""

# All lines of the report that match nothing yet: an operation may have ended since they came.
# That the operation's reference is not empty follows, but only said is it found by its index.
# What is compared here never changes again: a line that agrees need not be looked at any more.
_MATCH = f"""
UPDATE provider_report_line line SET operation_id = operation.id,
  agrees = line.amount = operation.amount AND line.currency = payment.currency
    AND NOT {EARLIER.format("operation.id")}
    AND NOT EXISTS (
      SELECT FROM ledger_entry entry WHERE entry.operation_id = operation.id
        AND entry.account = $3 AND (entry.amount, entry.currency) <> (line.fee, line.currency))
FROM operation JOIN payment ON payment.id = operation.payment_id
WHERE line.provider = $1 AND line.report_id = $2 AND line.operation_id IS NULL
  AND line.provider_reference <> '' AND operation.provider_reference = line.provider_reference
  AND operation.provider_reference NOT IN ('', payment.provider_reference)
  AND payment.provider = line.provider AND operation.kind = line.kind
  AND operation.state = 'succeeded'
RETURNING operation.id"""

# What has no reference of its own, line by line and operation by operation in their orders. Lines
# of other reports about the same payments take part: what came first is matched first.
_MATCH_BY_PAYMENT = f"""
WITH told AS (
  SELECT report_id, line, kind, provider_payment, amount, currency, row_number() OVER (
    PARTITION BY provider_payment, kind, amount, currency ORDER BY number) AS place
  FROM provider_report_line
  WHERE provider = $1 AND operation_id IS NULL AND provider_payment <> ''
    AND provider_payment IN (
      SELECT provider_payment FROM provider_report_line
      WHERE provider = $1 AND report_id = $2 AND operation_id IS NULL AND provider_payment <> '')
), moved AS (
  SELECT ours.id, ours.kind, ours.amount, payment.currency, named.provider_payment,
    row_number() OVER (PARTITION BY payment.id, ours.kind, ours.amount ORDER BY ours.id) AS place
  FROM (SELECT DISTINCT provider_payment FROM told) named
  CROSS JOIN LATERAL (
    SELECT id, currency FROM payment
    WHERE provider = $1 AND provider_reference = named.provider_payment
      AND provider_reference <> '' LIMIT 1) payment
  CROSS JOIN LATERAL (
    SELECT id, kind, amount FROM operation
    WHERE payment_id = payment.id AND {UNTOLD.format("operation", "named.provider_payment")}
    OFFSET 0) ours
)
UPDATE provider_report_line line SET operation_id = moved.id, agrees = true
FROM told JOIN moved ON moved.provider_payment = told.provider_payment
  AND (moved.kind, moved.amount, moved.currency, moved.place)
    = (told.kind, told.amount, told.currency, told.place)
WHERE line.provider = $1 AND line.report_id = told.report_id AND line.line = told.line
RETURNING moved.id"""
_REPORTED = "DELETE FROM unreported_operation WHERE operation_id = ANY($1::text[])"

# The first line about an operation counts; a fee that was told at the capture is booked already,
# and one that a later line was matched to first is booked by that.
_TO_BOOK = """
SELECT line, kind, currency, CASE WHEN kind IN ('fee', 'payout') THEN amount ELSE fee END AS amount,
  coalesce(operation_id, '') AS operation_id
FROM provider_report_line known
WHERE provider = $1 AND report_id = $2 AND transfer_id IS NULL
  AND CASE WHEN kind IN ('fee', 'payout') THEN amount <> 0 ELSE
    fee <> 0 AND operation_id IS NOT NULL
    AND NOT EXISTS (
      SELECT FROM provider_report_line earlier
      WHERE earlier.operation_id = known.operation_id AND earlier.number < known.number)
    AND NOT EXISTS (
      SELECT FROM ledger_entry
      WHERE ledger_entry.operation_id = known.operation_id AND account = $3)
    AND (
      SELECT kind FROM ledger_transfer
      WHERE ledger_transfer.operation_id = 'fee_' || known.operation_id) IS NULL
  END
ORDER BY number"""
# The payment is known, and what is said to have happened to it is not.
_UNHEARD = """
SELECT line.line, line.kind, ours.id, line.provider_payment FROM provider_report_line line
CROSS JOIN LATERAL (
  SELECT id FROM payment
  WHERE provider = line.provider AND provider_reference = line.provider_payment
    AND provider_reference <> '' LIMIT 1) ours
WHERE line.provider = $1 AND line.report_id = $2 AND line.line = ANY($3::text[])
  AND line.operation_id IS NULL AND line.provider_payment <> ''
ORDER BY line.number"""
_BOOKED = """
UPDATE provider_report_line SET transfer_id = $4
WHERE provider = $1 AND report_id = $2 AND line = $3"""
_COUNT = """
SELECT count(operation_id) AS matched,
  count(*) FILTER (WHERE kind IN ('fee', 'payout')) AS booked
FROM provider_report_line WHERE provider = $1 AND report_id = $2 AND line = ANY($3::text[])"""


async def open_statement(session: Session, statement: Statement) -> None:
    """Raises `ReportPeriodDiffers` when the report was opened for another time."""
    await session.execute(_ONE_AT_A_TIME, statement.provider)
    found = await session.fetchval(
        _OPEN,
        statement.provider,
        statement.id,
        statement.starts_at,
        statement.ends_at,
        session.clock.now(),
    )
    if found is None:
        raise ReportPeriodDiffers("earlier lines of this report were said to cover another time")


async def add_lines(session: Session, statement: Statement, lines: Sequence[Line]) -> int:
    """Adds those that are new and tells how many; raises `ReportLineChanged`."""
    given = (
        statement.provider,
        statement.id,
        [each.line for each in lines],
        [each.kind for each in lines],
        [each.reference for each in lines],
        [each.currency for each in lines],
        [each.amount for each in lines],
        [each.fee for each in lines],
        [each.booked_at for each in lines],
        [each.payment for each in lines],
    )
    added = await session.fetch(_ADD, *given)
    if len(added) < len(lines):
        changed = await session.fetchval(_CHANGED, *given)
        if changed is not None:
            raise ReportLineChanged(
                "a line that was imported before says something else now",
                metadata={"line": changed},
            )
        await session.execute(_NAME_PAYMENTS, *given)
    return len(added)


async def match_lines(session: Session, statement: Statement) -> list[Booking]:
    """Matches what can be matched, and answers what has to be booked."""
    fees = fee_account(statement.provider)
    matched = await session.fetch(_MATCH, statement.provider, statement.id, fees)
    matched += await session.fetch(_MATCH_BY_PAYMENT, statement.provider, statement.id)
    session.send(_REPORTED, [row["id"] for row in matched])
    rows = await session.fetch(_TO_BOOK, statement.provider, statement.id, fees)
    return [
        Booking(
            row["line"], LineKind(row["kind"]), row["currency"], row["amount"], row["operation_id"]
        )
        for row in rows
    ]


async def note_booking(session: Session, statement: Statement, line: str, transfer: str) -> None:
    """The line was booked by this transfer, and never is again."""
    await session.execute(_BOOKED, statement.provider, statement.id, line, transfer)


async def unheard_of(
    session: Session, statement: Statement, lines: Sequence[Line]
) -> list[Unheard]:
    """Which of the lines tell of a payment of ours what its operations do not."""
    named = [each.line for each in lines]
    rows = await session.fetch(_UNHEARD, statement.provider, statement.id, named)
    return [Unheard(row["line"], row["kind"], row["id"], row["provider_payment"]) for row in rows]


async def count_lines(
    session: Session, statement: Statement, lines: Sequence[Line], new: int
) -> Imported:
    row = await session.fetchrow(
        _COUNT, statement.provider, statement.id, [each.line for each in lines]
    )
    assert row is not None, "a count is always answered"
    return Imported(new, row["matched"], row["booked"])
