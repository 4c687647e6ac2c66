"""A cart before it is ordered: how it can be delivered and paid, and what of it is in stock."""

import asyncio
from collections.abc import Mapping

import orjson

from comptoir.cart.v1 import cart_pb2, cart_service_pb2
from comptoir.payments.v1 import payment_pb2, payments_service_pb2
from comptoir_gateway import headers
from comptoir_gateway.backends import Backends
from comptoir_gateway.problems import from_failure
from comptoir_gateway.transcode import Codecs
from comptoir_gateway.transcode.codec import array
from comptoir_gateway.transcode.fields import clean
from comptoir_gateway.views.page import checked, query_of, visit_of
from comptoir_gateway.views.parts import Missing, Parts, Visit, members
from comptoir_gateway.web import Request, Response
from comptoir_runtime import money
from comptoir_runtime.errors import Failure

_NULL = b"null"


class CheckoutPage:
    """GET /v1/pages/checkout/{cart}"""

    def __init__(self, backends: Backends, codecs: Codecs, parts: Parts) -> None:
        self._parts = parts
        self._cart = backends.procedure("cart", "GetCart")
        self._shipping = backends.procedure("cart", "ListShippingMethods")
        self._payment = backends.procedure("payments", "ListPaymentMethods")
        self._cart_json = codecs.of(cart_pb2.Cart.DESCRIPTOR)
        self._shipping_json = codecs.of(cart_pb2.ShippingMethod.DESCRIPTOR)
        self._payment_json = codecs.of(payment_pb2.PaymentMethod.DESCRIPTOR)

    async def __call__(self, request: Request, path: Mapping[str, str]) -> Response:
        visit = visit_of(request, query_of(request, ()))
        cart = checked("cart", path["cart"], clean)
        missing = Missing()
        try:
            (found, cart_json), shipping = await asyncio.gather(
                self._get_cart(cart, visit),
                missing.without("shippingMethods", self._shipping_methods(cart, visit)),
            )
        except Failure as failure:
            raise from_failure(failure) from None
        lines = list(dict.fromkeys(line.sku for line in found.lines))
        payment, stock = await asyncio.gather(
            missing.without("paymentMethods", self._payment_methods(found, visit)),
            missing.without("availability", self._parts.stock(lines, found.channel, visit)),
        )
        figures = None if stock is None else [self._parts.stock_json(stock[sku]) for sku in lines]
        body = members(
            [
                ("cart", cart_json),
                ("shippingMethods", _NULL if shipping is None else shipping),
                ("paymentMethods", _NULL if payment is None else payment),
                ("availability", _NULL if figures is None else array(figures)),
                ("degraded", orjson.dumps(missing.parts)),
            ]
        )
        return Response.json(body, headers.PRIVATE)

    async def _get_cart(self, cart: str, visit: Visit) -> tuple[cart_pb2.Cart, bytes]:
        """The cart, and its JSON."""
        request = cart_service_pb2.GetCartRequest(cart=cart)
        payload = await self._cart(request.SerializeToString(), visit.metadata, visit.seconds)
        return cart_pb2.Cart.FromString(payload), self._cart_json.to_json(payload)

    async def _shipping_methods(self, cart: str, visit: Visit) -> bytes:
        request = cart_service_pb2.ListShippingMethodsRequest(cart=cart)
        payload = await self._shipping(request.SerializeToString(), visit.metadata, visit.seconds)
        answer = cart_service_pb2.ListShippingMethodsResponse.FromString(payload)
        codec = self._shipping_json
        return array([codec.to_json(method.SerializeToString()) for method in answer.methods])

    async def _payment_methods(self, cart: cart_pb2.Cart, visit: Visit) -> bytes:
        """Those that an order of this cart may be paid by: not for any amount, nor anywhere."""
        total = cart.totals.total
        request = payments_service_pb2.ListPaymentMethodsRequest(
            cart=cart.id,
            channel=cart.channel,
            currency=cart.currency,
            amount=total if total.amount and money.to_minor(total) > 0 else None,
        )
        payload = await self._payment(request.SerializeToString(), visit.metadata, visit.seconds)
        answer = payments_service_pb2.ListPaymentMethodsResponse.FromString(payload)
        codec = self._payment_json
        return array([codec.to_json(method.SerializeToString()) for method in answer.methods])
