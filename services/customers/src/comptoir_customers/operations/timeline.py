"""What a customer did, on every channel."""

from __future__ import annotations

from datetime import UTC, datetime

from comptoir_customers.domain.timeline import Touch
from comptoir_customers.store import timeline as store
from comptoir_runtime.database import Session
from comptoir_runtime.paging import Moment

_END_OF_TIME = Moment(datetime(9999, 1, 1, tzinfo=UTC), "")


def remember(session: Session, touch: Touch) -> None:
    """Adds a touch; one without a subject, such as a sale to somebody unknown, is nobody's."""
    if touch.subject:
        store.add(session, touch)


def claim(session: Session, visitor: str, customer: str) -> None:
    """Gives what a visitor did to the customer they turned out to be."""
    store.claim(session, visitor, customer)


async def get_timeline(
    session: Session, subject: str, after: Moment | None, size: int
) -> list[Touch]:
    """Touches after a position, newest first."""
    return await store.page(session, subject, *(after or _END_OF_TIME), size)
