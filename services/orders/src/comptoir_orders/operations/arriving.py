"""Goods that were sold before they were there have come: a step."""

from comptoir_orders import errors, events
from comptoir_orders.domain import departures
from comptoir_orders.store import bystanders
from comptoir_orders.store import fulfilments as fulfilment_store
from comptoir_orders.store import orders as order_store
from comptoir_runtime.database import Session


async def stock_arrived(session: Session, order_id: str, location: str) -> None:
    """Asks the location for what it could not give before; nothing when nothing waits there.

    Stock is kept right before its order is written: raises `OrderUnderWay` when goods came in
    between.
    """
    under_way = await bystanders.is_placed_now(session, order_id)
    order = await order_store.lock(session, order_id)
    if order is None:
        if under_way:
            raise errors.OrderUnderWay("the order is being placed", metadata={"order": order_id})
        return
    after = departures.arrive(order, location, session.clock.now())
    proposed = departures.changed(order.fulfilments, after.fulfilments)
    if proposed:
        await fulfilment_store.save(session, proposed)
        await order_store.save(session, after)
        session.signal(events.order_changed(order.id, order.version + 1))
