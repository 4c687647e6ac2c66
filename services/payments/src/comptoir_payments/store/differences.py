"""Where a settlement report and the books differ: only what may differ is read and compared.

A line that was found to agree is marked, an operation that no line tells of is listed. What is
marked or listed is only where to look: what differs is compared when it is asked for.
"""

from datetime import datetime

from comptoir_payments.domain.ledger import fee_account
from comptoir_payments.domain.statements import (
    AFTER_ALL_LINES,
    Amount,
    Compared,
    Difference,
    Discrepancy,
    Key,
)
from comptoir_runtime.database import Row, Session

EARLIER = """EXISTS (
    SELECT FROM provider_report_line earlier
    WHERE earlier.provider = line.provider
      AND earlier.provider_reference = line.provider_reference
      AND earlier.provider_reference <> '' AND earlier.kind = line.kind
      AND earlier.number < line.number
      AND (earlier.operation_id IS NULL OR earlier.operation_id = {}))"""
"""Whether an earlier line is about the same operation, matched to it or not."""

UNTOLD = """{0}.provider_reference IN ('', {1}) AND {0}.means = '' AND {0}.state = 'succeeded'
  AND (SELECT line FROM provider_report_line WHERE operation_id = {0}.id LIMIT 1) IS NULL"""
"""Whether an operation has no reference but its payment's, and no line is matched to it: it is
matched by its amount (ADR 0030). No fee was told with such a one."""

# What is looked up for each row is said with a limit: so it is by its index, one row after the
# other until the page is full, whatever the planner thinks of how many there are.

# Operations are looked for again: one may have ended since the lines were matched. By its payment,
# the first line finds the first of its kind and amount, the second line the second.
_DOUBTFUL = f"""
SELECT line.number, line.line, line.amount, line.currency, line.fee, line.currency AS fee_in,
  coalesce(ours.id, adopted.id) AS id, coalesce(ours.payment_id, about.id) AS payment_id,
  coalesce(ours.amount, adopted.amount) AS booked,
  coalesce(ours.currency, adopted.currency) AS booked_in,
  entry.amount AS booked_fee, entry.currency AS booked_fee_in,
  {EARLIER.format("ours.id")} AS is_second
FROM provider_report_line line
LEFT JOIN LATERAL (
  SELECT operation.id, operation.payment_id, operation.amount, payment.currency
  FROM operation JOIN payment ON payment.id = operation.payment_id
  WHERE operation.provider_reference = line.provider_reference
    AND operation.provider_reference <> '' AND operation.kind = line.kind
    AND operation.state = 'succeeded' AND payment.provider = line.provider
    AND (line.operation_id IS NULL OR line.operation_id = operation.id)
    AND (line.operation_id IS NOT NULL
      OR operation.provider_reference <> payment.provider_reference)
  ORDER BY operation.id LIMIT 1) ours ON true
LEFT JOIN LATERAL (
  SELECT id, currency FROM payment
  WHERE provider = line.provider AND provider_reference = line.provider_payment
    AND provider_reference <> '' AND line.provider_payment <> '' LIMIT 1) about ON true
LEFT JOIN LATERAL (
  SELECT operation.id, operation.amount, about.currency FROM operation
  WHERE operation.payment_id = about.id AND operation.kind = line.kind
    AND operation.amount = line.amount AND about.currency = line.currency
    AND line.operation_id IS NULL AND ours.id IS NULL
    AND {UNTOLD.format("operation", "line.provider_payment")}
  ORDER BY operation.id OFFSET (
    SELECT count(*) FROM provider_report_line earlier
    WHERE earlier.provider = line.provider AND earlier.provider_payment = line.provider_payment
      AND earlier.provider_payment <> '' AND earlier.operation_id IS NULL
      AND (earlier.kind, earlier.amount, earlier.currency)
        = (line.kind, line.amount, line.currency)
      AND earlier.number < line.number) LIMIT 1) adopted ON true
LEFT JOIN ledger_entry entry ON entry.operation_id = ours.id AND entry.account = $3
WHERE line.provider = $1 AND line.report_id = $2
  AND line.kind IN ('capture', 'refund', 'reversal', 'dispute', 'dispute_won')
  AND NOT line.agrees AND line.number >= $4
ORDER BY line.number LIMIT $5"""

# Read from where the report or the page begins. An operation that has ended since the lines were
# matched is told of by one that is not.
_MISSING = f"""
SELECT missing.posted_at, ours.id, ours.payment_id, ours.amount, ours.currency
FROM unreported_operation missing
CROSS JOIN LATERAL (
  SELECT operation.id, operation.payment_id, operation.amount, payment.currency,
    operation.provider_reference, operation.kind, payment.provider_reference AS provider_payment
  FROM operation JOIN payment ON payment.id = operation.payment_id
  WHERE operation.id = missing.operation_id LIMIT 1) ours
WHERE missing.provider = $1
  AND (missing.posted_at, missing.operation_id) > (
    (SELECT greatest(starts_at, $3) FROM provider_report WHERE provider = $1 AND id = $2), $4)
  AND missing.posted_at <
    (SELECT ends_at FROM provider_report WHERE provider = $1 AND id = $2)
  AND (
    SELECT line FROM provider_report_line WHERE operation_id = missing.operation_id LIMIT 1
  ) IS NULL
  AND (
    SELECT line FROM provider_report_line
    WHERE provider = $1 AND provider_reference = ours.provider_reference
      AND provider_reference NOT IN ('', ours.provider_payment) AND kind = ours.kind
      AND operation_id IS NULL LIMIT 1
  ) IS NULL
  AND (ours.provider_reference NOT IN ('', ours.provider_payment) OR (
    SELECT count(*) FROM provider_report_line
    WHERE provider = $1 AND provider_payment = ours.provider_payment AND provider_payment <> ''
      AND operation_id IS NULL
      AND (kind, amount, currency) = (ours.kind, ours.amount, ours.currency)
  ) <= (
    SELECT count(*) FROM operation earlier
    WHERE earlier.payment_id = ours.payment_id AND earlier.kind = ours.kind
      AND earlier.amount = ours.amount AND earlier.id < ours.id
      AND {UNTOLD.format("earlier", "ours.provider_payment")}))
ORDER BY missing.posted_at, missing.operation_id LIMIT $5"""


async def doubtful_lines(
    session: Session, provider: str, report: str, number: int, limit: int
) -> list[Compared]:
    """Lines from `number` on that may differ from our books, in the order they came."""
    rows = await session.fetch(_DOUBTFUL, provider, report, fee_account(provider), number, limit)
    return [
        Compared(
            number=row["number"],
            line=row["line"],
            reported=(row["amount"], row["currency"]),
            fee=(row["fee"], row["fee_in"]),
            operation=row["id"] or "",
            payment=row["payment_id"] or "",
            booked=_amount(row, "booked"),
            booked_fee=_amount(row, "booked_fee"),
            is_second=row["is_second"],
        )
        for row in rows
    ]


async def missing_operations(
    session: Session, provider: str, report: str, after: tuple[datetime, str], limit: int
) -> list[Discrepancy]:
    """Operations in a report's time that no line of any report tells of, as they moved money."""
    rows = await session.fetch(_MISSING, provider, report, *after, limit)
    return [
        Discrepancy(
            key=Key(AFTER_ALL_LINES, row["posted_at"], row["id"]),
            kind=Difference.MISSING,
            line="",
            operation=row["id"],
            payment=row["payment_id"],
            reported=None,
            booked=(row["amount"], row["currency"]),
        )
        for row in rows
    ]


def _amount(row: Row, name: str) -> Amount | None:
    return None if row[name] is None else (row[name], row[f"{name}_in"])
