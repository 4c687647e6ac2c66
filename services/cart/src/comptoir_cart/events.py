"""What this service tells the others, and how it hears that a cart changed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from comptoir.cart.v1 import cart_pb2, events_pb2
from comptoir_cart.domain.carts import Cart
from comptoir_cart.domain.priced import Quote
from comptoir_cart.domain.prices import AnnouncedPrice
from comptoir_runtime import etag
from comptoir_runtime.bus import Bus, signals
from comptoir_runtime.money import from_minor
from comptoir_runtime.timestamps import timestamp


def cart_changed(cart: Cart) -> events_pb2.CartChanged:
    return events_pb2.CartChanged(cart_id=cart.id, etag=etag.of(cart.version))


def cart_created(cart: Cart) -> events_pb2.CartCreated:
    return events_pb2.CartCreated(
        cart_id=cart.id,
        owner=cart.owner,
        channel=cart.channel,
        create_time=timestamp(cart.created_at),
    )


def cart_claimed(
    cart: Cart, former_owner: str, merged_cart_id: str, now: datetime
) -> events_pb2.CartClaimed:
    return events_pb2.CartClaimed(
        cart_id=cart.id,
        owner=cart.owner,
        former_owner=former_owner,
        merged_cart_id=merged_cart_id,
        claim_time=timestamp(now),
    )


def cart_ordered(cart: Cart, order_id: str, quote: Quote) -> events_pb2.CartOrdered:
    return events_pb2.CartOrdered(
        cart_id=cart.id,
        order_id=order_id,
        coupons=[
            cart_pb2.AppliedCoupon(
                code=coupon.code, discount=from_minor(coupon.discount, cart.currency)
            )
            for coupon in quote.priced.coupons
            if coupon.discount
        ],
    )


def price_state(sku: str, version: int, prices: Sequence[AnnouncedPrice]) -> events_pb2.PriceState:
    return events_pb2.PriceState(
        sku=sku,
        version=version,
        prices=[
            events_pb2.PriceState.ListPrice(
                price_list=price.price_list,
                channel=price.channel,
                amount=from_minor(price.amount, price.currency),
            )
            for price in prices
        ],
    )


@asynccontextmanager
async def changes_of(bus: Bus, cart_id: str) -> AsyncIterator[asyncio.Event]:
    """An event that is set each time the cart may have changed; whoever waits clears it."""
    woken = asyncio.Event()
    listener = signals(bus, events_pb2.CartChanged, cart_id, callback=lambda _: woken.set())
    try:
        yield woken
    finally:
        await listener.close()
