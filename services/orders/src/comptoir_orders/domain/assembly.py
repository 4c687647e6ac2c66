"""From a quote and a plan to an order with its fulfilments."""

from collections.abc import Sequence
from datetime import datetime

from comptoir_orders.domain.fulfilments import (
    Fulfilment,
    FulfilmentLine,
    FulfilmentMode,
    FulfilmentState,
    Share,
    goods_by_parcel,
)
from comptoir_orders.domain.orders import DeliveryMode, Order, OrderContent, OrderState, Quote
from comptoir_orders.domain.sourcing import Parcel
from comptoir_orders.domain.tenders import TenderShare


def fulfilments(
    order: str,
    quote: Quote,
    parcels: Sequence[Parcel],
    fulfilment_ids: Sequence[str],
    now: datetime,
) -> tuple[Fulfilment, ...]:
    """One fulfilment per parcel; their amounts sum to the quote's total.

    Goods taken along at a counter have left already.
    """
    shares = [
        Share(number, allocation.line, allocation.quantity)
        for number, parcel in enumerate(parcels)
        for allocation in parcel.allocations
    ]
    goods = goods_by_parcel({line.id: line.total for line in quote.lines}, shares, len(parcels))
    taken_along = quote.delivery.mode is DeliveryMode.COUNTER
    at_once = FulfilmentState.HANDED_OVER if taken_along else FulfilmentState.PROPOSED
    return tuple(
        Fulfilment(
            id=fulfilment_ids[index],
            order=order,
            position=index,
            location=parcel.location,
            state=FulfilmentState.AWAITING_STOCK if parcel.late else at_once,
            mode=FulfilmentMode(quote.delivery.mode),
            lines=tuple(
                FulfilmentLine(each.line, each.sku, each.quantity) for each in parcel.allocations
            ),
            goods=goods[index],
            # With the first parcel planned, until another one leaves before it.
            shipping=quote.totals.shipping if index == 0 else 0,
            currency=quote.currency,
            fulfilled_at=now if taken_along else None,
            expected_at=parcel.expected_at,
        )
        for index, parcel in enumerate(parcels)
    )


def order(
    *,
    order_id: str,
    number: str,
    quote: Quote,
    parcels: tuple[Fulfilment, ...],
    payments: tuple[str, ...],
    tenders: tuple[TenderShare, ...] = (),
    reservation: str,
    staff: str,
    placement: str,
    now: datetime,
) -> Order:
    """The order as it stands when it begins."""
    taken_along = quote.delivery.mode is DeliveryMode.COUNTER
    return Order(
        id=order_id,
        number=number,
        version=1,
        state=OrderState.FULFILLED if taken_along else OrderState.PLACED,
        channel=quote.channel,
        customer=quote.owner,
        currency=quote.currency,
        cart=quote.cart,
        content=OrderContent(
            lines=quote.lines,
            totals=quote.totals,
            delivery=quote.delivery,
            coupons=quote.coupons,
            payments=payments,
            tenders=tenders,
            reservation=reservation,
            staff=staff,
            placement=placement,
        ),
        captured=quote.totals.total if taken_along else 0,
        cancel_reason="",
        placed_at=now,
        updated_at=now,
        fulfilments=parcels,
    )
