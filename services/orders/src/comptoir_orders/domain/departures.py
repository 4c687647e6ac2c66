"""Goods that leave, and what that makes of their order."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from comptoir_orders.domain.fulfilments import (
    LEFT,
    Fulfilment,
    FulfilmentState,
    with_shipping_on,
)
from comptoir_orders.domain.orders import Order, OrderState


def leave(
    order: Order,
    fulfilment: Fulfilment,
    to: FulfilmentState,
    now: datetime,
    *,
    carrier: str = "",
    tracking_number: str = "",
) -> Order:
    """The order after a fulfilment has left; delivery is charged with the first that does."""
    gone = replace(
        fulfilment,
        state=to,
        carrier=carrier,
        tracking_number=tracking_number,
        fulfilled_at=now,
    )
    parcels = with_shipping_on(_with(order.fulfilments, fulfilment), fulfilment.id)
    shipping = next(each.shipping for each in parcels if each.id == fulfilment.id)
    parcels = _with(parcels, replace(gone, shipping=shipping))
    after = replace(order, fulfilments=parcels, updated_at=now)
    state = OrderState.FULFILLED if is_over(after) else OrderState.PARTIALLY_FULFILLED
    return replace(after, state=state)


def is_over(order: Order) -> bool:
    """Whether nothing of it has still to leave."""
    return all(
        each.state in LEFT or each.state is FulfilmentState.CANCELLED for each in order.fulfilments
    )


def amount_left(order: Order) -> int:
    """What the goods that have left cost."""
    return sum(each.amount for each in order.fulfilments if each.state in LEFT)


def call_off(order: Order, reason: str, now: datetime) -> Order:
    """The order after it was cancelled, with all its fulfilments."""
    parcels = tuple(replace(each, state=FulfilmentState.CANCELLED) for each in order.fulfilments)
    return replace(
        order,
        fulfilments=parcels,
        state=OrderState.CANCELLED,
        cancel_reason=reason,
        updated_at=now,
    )


def arrive(order: Order, location: str, now: datetime) -> Order:
    """The order after all that it waited for at a location has come."""
    parcels = tuple(
        replace(each, state=FulfilmentState.PROPOSED)
        if each.location == location and each.state is FulfilmentState.AWAITING_STOCK
        else each
        for each in order.fulfilments
    )
    return replace(order, fulfilments=parcels, updated_at=now)


def changed(before: Sequence[Fulfilment], after: Sequence[Fulfilment]) -> list[Fulfilment]:
    """The fulfilments of `after` that are not as they were."""
    return [new for old, new in zip(before, after, strict=True) if old != new]


def find(order: Order, fulfilment_id: str) -> Fulfilment | None:
    """The fulfilment with this id, if it is one of the order's."""
    return next((each for each in order.fulfilments if each.id == fulfilment_id), None)


def _with(parcels: Sequence[Fulfilment], one: Fulfilment) -> tuple[Fulfilment, ...]:
    return tuple(one if each.id == one.id else each for each in parcels)
