"""Providers' settlement reports: their lines, what these match, and where the books differ."""

from collections.abc import Sequence

from comptoir_payments.domain.ledger import fee_account
from comptoir_payments.domain.statements import (
    Booking,
    Difference,
    Discrepancy,
    Imported,
    Line,
    LineKind,
    Statement,
)
from comptoir_payments.errors import ReportLineChanged, ReportPeriodDiffers
from comptoir_runtime.database import Row, Session

# Imports of a provider come one after the other: an operation that two reports name has one fee.
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(7207103, hashtext($1))"

_OPEN = """
INSERT INTO provider_report (provider, id, starts_at, ends_at, imported_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (provider, id) DO UPDATE SET imported_at = excluded.imported_at
WHERE provider_report.starts_at = excluded.starts_at AND provider_report.ends_at = excluded.ends_at
RETURNING id"""

_GIVEN = """
unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
  $9::timestamptz[])
  WITH ORDINALITY AS given (line, kind, reference, currency, amount, fee, booked_at, place)"""
_ADD = f"""
INSERT INTO provider_report_line
  (provider, report_id, line, kind, provider_reference, currency, amount, fee, booked_at)
SELECT $1, $2, line, kind, reference, currency, amount, fee, booked_at FROM {_GIVEN}
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
LIMIT 1"""

# All lines of the report that match nothing yet: an operation may have ended since they came.
# That the operation's reference is not empty follows, but only said is it found by its index.
_MATCH = """
UPDATE provider_report_line known SET operation_id = operation.id
FROM operation JOIN payment ON payment.id = operation.payment_id
WHERE known.provider = $1 AND known.report_id = $2 AND known.operation_id IS NULL
  AND known.provider_reference <> '' AND operation.provider_reference = known.provider_reference
  AND operation.provider_reference <> ''
  AND payment.provider = known.provider AND operation.kind = known.kind
  AND operation.state = 'succeeded'"""

# The first line about an operation counts; a fee that was told at the capture is booked already.
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
  END
ORDER BY number"""
_BOOKED = """
UPDATE provider_report_line SET transfer_id = $4
WHERE provider = $1 AND report_id = $2 AND line = $3"""
_COUNT = """
SELECT count(operation_id) AS matched,
  count(*) FILTER (WHERE kind IN ('fee', 'payout')) AS booked
FROM provider_report_line WHERE provider = $1 AND report_id = $2 AND line = ANY($3::text[])"""

# The period is asked for first, so that only its transfers are read.
_DIFFERENCES = """
WITH known AS (
  SELECT *, EXISTS (
      SELECT FROM provider_report_line earlier
      WHERE earlier.operation_id = line.operation_id AND earlier.number < line.number
    ) AS is_second
  FROM provider_report_line line
  WHERE provider = $1 AND report_id = $2 AND kind IN ('capture', 'refund')
), found (kind, line, operation_id, payment_id, reported, reported_in, booked, booked_in) AS (
  SELECT 'unexpected', line, '', '', amount, currency, NULL::bigint, ''
  FROM known WHERE operation_id IS NULL
  UNION ALL
  SELECT CASE WHEN is_second THEN 'duplicate' ELSE 'amount' END, line, operation.id, payment.id,
    known.amount, known.currency, operation.amount, payment.currency
  FROM known JOIN operation ON operation.id = operation_id
  JOIN payment ON payment.id = operation.payment_id
  WHERE is_second OR known.amount <> operation.amount OR known.currency <> payment.currency
  UNION ALL
  SELECT 'fee', line, operation.id, operation.payment_id, fee, known.currency, entry.amount,
    entry.currency
  FROM known JOIN operation ON operation.id = known.operation_id
  JOIN ledger_entry entry ON entry.operation_id = operation.id AND entry.account = $3
  WHERE NOT is_second AND (fee <> entry.amount OR known.currency <> entry.currency)
  UNION ALL
  SELECT 'missing', '', operation.id, payment.id, NULL, '', operation.amount, payment.currency
  FROM ledger_transfer
  JOIN operation ON operation.id = ledger_transfer.operation_id AND means = ''
    AND operation.kind <> 'dispute_lost' -- only ours: the provider took it with the dispute
  JOIN payment ON payment.id = operation.payment_id AND payment.provider = $1
  WHERE posted_at >= (SELECT starts_at FROM provider_report WHERE provider = $1 AND id = $2)
    AND posted_at < (SELECT ends_at FROM provider_report WHERE provider = $1 AND id = $2)
    AND NOT EXISTS (
    SELECT FROM provider_report_line line WHERE line.operation_id = operation.id)
)
SELECT * FROM (
  SELECT (kind || ':' || line || ':' || operation_id) COLLATE "C" AS key, found.* FROM found
) listed
WHERE key > $4 ORDER BY key LIMIT $5"""


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
    )
    added = await session.fetch(_ADD, *given)
    if len(added) < len(lines):
        changed = await session.fetchval(_CHANGED, *given)
        if changed is not None:
            raise ReportLineChanged(
                "a line that was imported before says something else now",
                metadata={"line": changed},
            )
    return len(added)


async def match_lines(session: Session, statement: Statement) -> list[Booking]:
    """Matches what can be matched, and answers what has to be booked."""
    await session.execute(_MATCH, statement.provider, statement.id)
    fees = fee_account(statement.provider)
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


async def count_lines(
    session: Session, statement: Statement, lines: Sequence[Line], new: int
) -> Imported:
    row = await session.fetchrow(
        _COUNT, statement.provider, statement.id, [each.line for each in lines]
    )
    assert row is not None, "a count is always answered"
    return Imported(new, row["matched"], row["booked"])


async def differences(
    session: Session, provider: str, report: str, after: str, limit: int
) -> list[Discrepancy]:
    """Where a report and the books differ now, in the order of their keys, after `after`."""
    rows = await session.fetch(_DIFFERENCES, provider, report, fee_account(provider), after, limit)
    return [
        Discrepancy(
            key=row["key"],
            kind=Difference(row["kind"]),
            line=row["line"],
            operation=row["operation_id"],
            payment=row["payment_id"],
            reported=_amount(row, "reported"),
            booked=_amount(row, "booked"),
        )
        for row in rows
    ]


def _amount(row: Row, name: str) -> tuple[int, str] | None:
    return None if row[name] is None else (row[name], row[f"{name}_in"])
