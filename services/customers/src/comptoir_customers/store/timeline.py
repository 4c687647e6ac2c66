"""The timeline, in the database."""

from __future__ import annotations

from datetime import datetime

from comptoir_customers.domain.timeline import Touch
from comptoir_runtime.database import Session

# A visitor who has turned out to be a customer: what they do belongs to the customer, whichever
# event comes first.
OWNER = "coalesce((SELECT customer FROM known_visitor WHERE visitor = $2), $2)"
INSERT = f"""
INSERT INTO touch (id, subject, kind, happened_at, channel, reference, order_number, amount,
                   currency, location)
VALUES ($1, {OWNER}, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING
"""
KNOW_VISITOR = """
INSERT INTO known_visitor (visitor, customer) VALUES ($1, $2) ON CONFLICT (visitor) DO NOTHING
"""
CLAIM = "UPDATE touch SET subject = $2 WHERE subject = $1"
PAGE = """
SELECT id, subject, kind, happened_at, channel, reference, order_number, amount, currency, location
FROM touch WHERE subject = $1 AND (happened_at, id) < ($2, $3)
ORDER BY happened_at DESC, id DESC LIMIT $4
"""


def add(session: Session, touch: Touch) -> None:
    """Stores a touch with whoever its subject has turned out to be."""
    session.send(
        INSERT,
        touch.id,
        touch.subject,
        touch.kind,
        touch.happened_at,
        touch.channel,
        touch.reference,
        touch.order_number,
        touch.amount,
        touch.currency,
        touch.location,
    )


def claim(session: Session, visitor: str, customer: str) -> None:
    """Gives what a visitor did, and will be told to have done, to a customer."""
    session.send(KNOW_VISITOR, visitor, customer)
    session.send(CLAIM, visitor, customer)


async def page(
    session: Session, subject: str, before: datetime, before_id: str, size: int
) -> list[Touch]:
    """Touches before a moment, newest first."""
    return [
        Touch(
            id=row["id"],
            subject=row["subject"],
            kind=row["kind"],
            happened_at=row["happened_at"],
            channel=row["channel"],
            reference=row["reference"],
            order_number=row["order_number"],
            amount=row["amount"],
            currency=row["currency"],
            location=row["location"],
        )
        for row in await session.fetch(PAGE, subject, before, before_id, size)
    ]
