"""Goods made ready, shipped, handed over: steps, each in one transaction."""

from collections.abc import Callable
from dataclasses import replace

from comptoir_orders import errors, events
from comptoir_orders.domain import departures
from comptoir_orders.domain.fulfilments import Fulfilment, FulfilmentState
from comptoir_orders.domain.orders import Order, OrderState, may_move
from comptoir_orders.operations import collecting
from comptoir_orders.store import fulfilments as fulfilment_store
from comptoir_orders.store import orders as order_store
from comptoir_runtime import etag
from comptoir_runtime.database import Session
from comptoir_runtime.errors import Failure


async def ship_fulfilment(
    session: Session,
    fulfilment_id: str,
    given_etag: str,
    carrier: str,
    tracking_number: str,
    wake: Callable[[], None],
) -> Fulfilment:
    """The goods are with the carrier; what they cost is captured. FULFILMENT_NOT_SHIPPABLE."""
    order, fulfilment = await _locked(session, fulfilment_id, given_etag)
    _require(order, fulfilment, FulfilmentState.SHIPPED, errors.FulfilmentNotShippable)
    return await _leave(
        session,
        departures.leave(
            order,
            fulfilment,
            FulfilmentState.SHIPPED,
            session.clock.now(),
            carrier=carrier,
            tracking_number=tracking_number,
        ),
        order,
        fulfilment_id,
        wake,
    )


async def hand_over(
    session: Session, fulfilment_id: str, given_etag: str, wake: Callable[[], None]
) -> Fulfilment:
    """The goods are in the customer's hands; what they cost is captured."""
    order, fulfilment = await _locked(session, fulfilment_id, given_etag)
    _require(order, fulfilment, FulfilmentState.HANDED_OVER, errors.FulfilmentNotHandable)
    return await _leave(
        session,
        departures.leave(order, fulfilment, FulfilmentState.HANDED_OVER, session.clock.now()),
        order,
        fulfilment_id,
        wake,
    )


async def mark_ready_for_pickup(
    session: Session, fulfilment_id: str, given_etag: str
) -> Fulfilment:
    """The goods wait for the customer in the store. FULFILMENT_NOT_PICK_UP."""
    order, fulfilment = await _locked(session, fulfilment_id, given_etag)
    _require(order, fulfilment, FulfilmentState.READY_FOR_PICKUP, errors.FulfilmentNotPickUp)
    ready = replace(fulfilment, state=FulfilmentState.READY_FOR_PICKUP)
    await fulfilment_store.save(session, [ready])
    await order_store.save(session, replace(order, updated_at=session.clock.now()))
    session.signal(events.order_changed(order.id, order.version + 1))
    return replace(ready, version=ready.version + 1)


async def _locked(
    session: Session, fulfilment_id: str, given_etag: str
) -> tuple[Order, Fulfilment]:
    order = await order_store.lock_by_fulfilment(session, fulfilment_id)
    fulfilment = None if order is None else departures.find(order, fulfilment_id)
    if order is None or fulfilment is None:
        raise errors.FulfilmentNotFound(
            "there is no such fulfilment", metadata={"fulfilment": fulfilment_id}
        )
    etag.check(given_etag, fulfilment.version)
    return order, fulfilment


def _require(
    order: Order, fulfilment: Fulfilment, to: FulfilmentState, refusal: type[Failure]
) -> None:
    if not fulfilment.may_move(to) or not may_move(order.state, OrderState.PARTIALLY_FULFILLED):
        raise refusal(
            f"the fulfilment is {fulfilment.state}, its order {order.state}",
            metadata={"state": fulfilment.state, "mode": fulfilment.mode},
        )


async def _leave(
    session: Session, after: Order, before: Order, fulfilment_id: str, wake: Callable[[], None]
) -> Fulfilment:
    """Writes what has left, its fact, and the job that takes the money for it."""
    await fulfilment_store.save(session, departures.changed(before.fulfilments, after.fulfilments))
    await order_store.save(session, after)
    gone = departures.find(after, fulfilment_id)
    assert gone is not None, "it was found before"
    gone = replace(gone, version=gone.version + 1)
    await collecting.collect(session, before, after, gone, wake)
    session.emit(events.fulfilment_left(after, gone))
    session.signal(events.order_changed(after.id, after.version + 1))
    return gone
