"""What payments tell: nothing is done here. A placement becomes due, or somebody has to look."""

from collections.abc import Callable

from comptoir_orders import events
from comptoir_orders.domain.orders import ReviewReason
from comptoir_orders.domain.placement import State
from comptoir_orders.operations.collecting import late_void
from comptoir_orders.store import bystanders, processes
from comptoir_orders.store import orders as order_store
from comptoir_runtime.database import Session


async def payment_settled(session: Session, order_id: str, wake: Callable[[], None]) -> str | None:
    """The provider has decided; the placement that waits for it goes on.

    The state of one that has ended before.
    """
    ended = await bystanders.nudge(session, order_id)
    if ended is None:
        session.after_commit(wake)
    return ended


async def payment_authorised(
    session: Session, order_id: str, payment_id: str, wake: Callable[[], None]
) -> None:
    """As `payment_settled`; money kept for a placement that has failed is given up, ever so late.

    That closes the last gap: a driver that was stopped for so long that its placement was undone
    in the meantime may still ask for money when it wakes up. News that come while a placement is
    being undone are counted, and looked at when it ends.
    """
    if await payment_settled(session, order_id, wake) in (State.FAILED, State.CANCELLED):
        late = late_void(order_id, payment_id, session.clock.now())
        await processes.begin(session, late, None)
        session.after_commit(wake)


async def payment_reviewed(
    session: Session, order_id: str, payment_id: str, of: int, reason: ReviewReason | None
) -> None:
    """Somebody has to look at an order because of version `of` of a payment, or has not to."""
    version = await order_store.review(session, order_id, payment_id, of, reason)
    if version is not None:
        session.signal(events.order_changed(order_id, version))
