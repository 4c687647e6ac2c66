"""The books: transfers are added, never changed; balances are sums."""

from datetime import datetime

from comptoir_payments.domain.ledger import Balance, Transfer
from comptoir_runtime.database import Session

# One statement: accounts come into being with their first entry.
_POST = """
WITH opened AS (
  INSERT INTO ledger_account (code, currency, created_at)
  SELECT code, $5, $4 FROM unnest($6::text[]) AS code
  ON CONFLICT DO NOTHING
), transfer AS (
  INSERT INTO ledger_transfer (operation_id, payment_id, kind, posted_at)
  VALUES ($1, $2, $3, $4)
)
INSERT INTO ledger_entry (operation_id, number, account, currency, amount, posted_at, holder)
SELECT $1, number, account, $5, amount, $4, holder
FROM unnest($6::text[], $7::bigint[], $8::text[]) WITH ORDINALITY
  AS entry (account, amount, holder, number)"""

# Summed before they are joined: there are few accounts, so nothing is sorted however many entries.
_BALANCES = """
SELECT code AS account, coalesce(debits, 0) AS debits, coalesce(credits, 0) AS credits
FROM ledger_account
LEFT JOIN (
  SELECT account,
    sum(amount) FILTER (WHERE amount > 0) AS debits,
    -sum(amount) FILTER (WHERE amount < 0) AS credits
  FROM ledger_entry WHERE currency = $1 AND posted_at <= $2 GROUP BY account
) AS moved ON account = code
WHERE currency = $1 AND created_at <= $2
ORDER BY code COLLATE "C" """


def post_transfer(session: Session, transfer: Transfer) -> None:
    """Adds a transfer; the database refuses it at commit unless it balances."""
    session.send(
        _POST,
        transfer.operation,
        transfer.payment,
        transfer.kind,
        transfer.at,
        transfer.currency,
        [entry.account for entry in transfer.entries],
        [entry.amount for entry in transfer.entries],
        [entry.holder for entry in transfer.entries],
    )


async def balances(session: Session, currency: str, at: datetime) -> list[Balance]:
    """What every account of a currency held at a moment, in the order of their codes.

    However much that is: sums may be larger than any amount.
    """
    rows = await session.fetch(_BALANCES, currency, at)
    return [Balance(row["account"], int(row["debits"]), int(row["credits"])) for row in rows]
