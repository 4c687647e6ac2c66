"""Carts: what is bought, at which price, held still while the order is placed."""

from collections.abc import Iterable
from typing import Protocol

import grpc

from comptoir.cart.v1 import cart_pb2, cart_service_pb2
from comptoir_orders.clients.calls import Caller, ask, minor
from comptoir_orders.domain.orders import Delivery, DeliveryMode, OrderLine, Quote, Totals
from comptoir_orders.errors import NotYourCart
from comptoir_runtime import ids
from comptoir_runtime.addresses import address_of
from comptoir_runtime.errors import Failure

_SECONDS = 2.0
_MODES = {
    cart_pb2.Delivery.MODE_SHIP: DeliveryMode.SHIP,
    cart_pb2.Delivery.MODE_PICK_UP: DeliveryMode.PICK_UP,
}


class Carts(Protocol):
    """Every method raises `OutcomeUnknown` without an answer, another `Failure` on refusal."""

    async def lock(self, cart: str, checkout: str, etag: str, quote: str, buyer: str) -> Quote:
        """Holds the cart still; the same checkout gets the same quote. Empty buyer: staff."""

    async def unlock(self, cart: str, checkout: str) -> None:
        """Opens the cart again unless another checkout holds it."""

    async def price(
        self, channel: str, currency: str, customer: str, units: Iterable[tuple[str, int]]
    ) -> Quote:
        """Prices (sku, units) pairs without a cart."""


class GrpcCarts:
    """Carts of the cart service."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def lock(self, cart: str, checkout: str, etag: str, quote: str, buyer: str) -> Quote:
        request = cart_service_pb2.LockForCheckoutRequest(
            cart=cart, checkout=checkout, etag=etag, quote=quote, buyer=buyer
        )
        try:
            answer = await ask(self._caller, "LockForCheckout", request, _SECONDS)
        except Failure as failure:
            if failure.status is grpc.StatusCode.PERMISSION_DENIED:
                # It is the buyer who may not, and the buyer is our caller.
                raise NotYourCart("this cart belongs to somebody else") from failure
            raise
        return quote_of(answer)

    async def unlock(self, cart: str, checkout: str) -> None:
        request = cart_service_pb2.UnlockRequest(cart=cart, checkout=checkout)
        await ask(self._caller, "Unlock", request, _SECONDS)

    async def price(
        self, channel: str, currency: str, customer: str, units: Iterable[tuple[str, int]]
    ) -> Quote:
        request = cart_service_pb2.QuoteLinesRequest(
            channel=channel,
            currency=currency,
            customer=customer,
            lines=[
                cart_service_pb2.QuoteLinesRequest.Line(sku=sku, quantity=quantity)
                for sku, quantity in units
            ],
        )
        return quote_of(await ask(self._caller, "QuoteLines", request, _SECONDS))


def quote_of(message: cart_pb2.Quote) -> Quote:
    """The quote in minor units; an absent amount is 0."""
    cart = message.cart
    totals = cart.totals
    return Quote(
        fingerprint=message.fingerprint,
        cart=cart.id,
        owner=cart.owner,
        channel=cart.channel,
        currency=cart.currency,
        lines=tuple(_line(line) for line in cart.lines),
        totals=Totals(
            subtotal=minor(totals.subtotal),
            discount=minor(totals.discount),
            shipping=minor(totals.shipping),
            tax=minor(totals.tax),
            total=minor(totals.total),
        ),
        delivery=_delivery(cart.delivery),
        coupons=tuple(coupon.code for coupon in cart.coupons if not coupon.reason),
    )


def _line(line: cart_pb2.CartLine) -> OrderLine:
    return OrderLine(
        id=line.id or ids.new_id("lin"),  # lines that were never in a cart have none yet
        sku=line.sku,
        name=line.name,
        quantity=line.quantity,
        unit_price=minor(line.unit_price),
        discount=minor(line.discount),
        total=minor(line.total),
        tax=minor(line.tax),
        tax_rate=line.tax_rate,
    )


def _delivery(delivery: cart_pb2.Delivery) -> Delivery:
    return Delivery(
        mode=_MODES.get(delivery.mode, DeliveryMode.COUNTER),
        address=address_of(delivery.address) if delivery.HasField("address") else None,
        location=delivery.location,
        shipping_method=delivery.shipping_method,
    )
