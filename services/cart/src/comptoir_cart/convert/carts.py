"""Carts, quotes and deliveries."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from comptoir.cart.v1 import cart_pb2 as pb
from comptoir.type.v1 import address_pb2
from comptoir_cart.convert.basics import text_of
from comptoir_cart.domain.carts import Address, Cart, Delivery, Mode
from comptoir_cart.domain.priced import PricedCart, PricedLine, Quote, Totals
from comptoir_cart.domain.shipping import OfferedMethod
from comptoir_runtime import etag
from comptoir_runtime.addresses import typed_texts
from comptoir_runtime.card_numbers import refuse_card_numbers
from comptoir_runtime.errors import InvalidFields, Violation
from comptoir_runtime.money import from_minor
from comptoir_runtime.timestamps import timestamp_or_none


def carts_to(carts: Iterable[PricedCart], locales: Sequence[str]) -> Iterator[pb.Cart]:
    """Each as `cart_to` has it."""
    return (cart_to(priced, locales) for priced in carts)


def cart_to(priced: PricedCart, locales: Sequence[str]) -> pb.Cart:
    """The cart as a caller sees it, with names in the first of the locales there is."""
    cart = priced.cart
    return pb.Cart(
        id=cart.id,
        etag=etag.of(cart.version),
        state=pb.Cart.State.ValueType(cart.state),
        channel=cart.channel,
        currency=cart.currency,
        country=cart.country,
        owner=cart.owner,
        lines=[_line_to(line, cart.currency, locales) for line in priced.lines],
        coupons=[
            pb.AppliedCoupon(
                code=coupon.code,
                discount=from_minor(coupon.discount, cart.currency),
                reason=coupon.reason,
            )
            for coupon in priced.coupons
        ],
        delivery=None if cart.delivery is None else _delivery_to(cart.delivery),
        totals=_totals_to(priced.totals, cart.currency),
        quote=priced.fingerprint,
        create_time=timestamp_or_none(cart.created_at),
        update_time=timestamp_or_none(cart.updated_at),
        order=cart.order_id or "",
    )


def quote_to(quote: Quote, locales: Sequence[str]) -> pb.Quote:
    priced = quote.priced
    return pb.Quote(
        fingerprint=priced.fingerprint,
        cart=cart_to(priced, locales),
        shipping_tax=from_minor(priced.shipping_tax, priced.cart.currency),
        create_time=timestamp_or_none(quote.created_at),
    )


def methods_to(
    cart: Cart, methods: Sequence[OfferedMethod], locales: Sequence[str]
) -> list[pb.ShippingMethod]:
    return [
        pb.ShippingMethod(
            code=method.rule.code,
            name=text_of(method.rule.name, locales),
            mode=pb.Delivery.Mode.ValueType(method.rule.mode),
            price=from_minor(method.price, cart.currency),
            free_from=None
            if method.rule.free_from is None
            else from_minor(method.rule.free_from, cart.currency),
        )
        for method in methods
    ]


def delivery_from(delivery: pb.Delivery) -> Delivery:
    """Raises `InvalidFields` when the place of the delivery is missing, `CardNumberRefused`."""
    refuse_card_numbers(typed_texts(delivery.address, "delivery.address"))
    mode = Mode(delivery.mode)
    if mode is Mode.PICK_UP:
        if not delivery.location:
            raise _missing("delivery.location")
        return Delivery(mode, None, delivery.location, delivery.shipping_method)
    address = delivery.address
    for name in ("recipient", "lines", "postal_code", "city"):
        if not getattr(address, name):
            raise _missing(f"delivery.address.{name}")
    return Delivery(mode, _address_from(address), "", delivery.shipping_method)


def _line_to(line: PricedLine, currency: str, locales: Sequence[str]) -> pb.CartLine:
    money = partial(from_minor, currency=currency)
    return pb.CartLine(
        id=line.id,
        sku=line.sku,
        product=line.product,
        name=text_of(line.names, locales),
        quantity=line.quantity,
        unit_price=None if line.unit_price is None else money(line.unit_price),
        subtotal=money(line.subtotal),
        discount=money(line.discount),
        total=money(line.total),
        tax=money(line.tax),
        tax_rate=line.tax_rate,
        price_list=line.price_list,
        notice=pb.CartLine.Notice.ValueType(line.notice),
        note=line.note,
    )


def _totals_to(totals: Totals, currency: str) -> pb.Totals:
    money = partial(from_minor, currency=currency)
    return pb.Totals(
        subtotal=money(totals.subtotal),
        discount=money(totals.discount),
        shipping=money(totals.shipping),
        tax=money(totals.tax),
        total=money(totals.total),
        taxes=[
            pb.TaxAmount(rate=each.rate.text, net=money(each.net), tax=money(each.tax))
            for each in totals.taxes
        ],
    )


def _delivery_to(delivery: Delivery) -> pb.Delivery:
    return pb.Delivery(
        mode=pb.Delivery.Mode.ValueType(delivery.mode),
        address=None if delivery.address is None else _address_to(delivery.address),
        location=delivery.location,
        shipping_method=delivery.shipping_method,
    )


def _address_to(address: Address) -> address_pb2.Address:
    point = None
    if address.latitude is not None and address.longitude is not None:
        point = address_pb2.Point(latitude=address.latitude, longitude=address.longitude)
    return address_pb2.Address(
        recipient=address.recipient,
        lines=address.lines,
        postal_code=address.postal_code,
        city=address.city,
        country=address.country,
        phone=address.phone,
        point=point,
    )


def _address_from(address: address_pb2.Address) -> Address:
    known = address.HasField("point")
    return Address(
        recipient=address.recipient,
        lines=tuple(address.lines),
        postal_code=address.postal_code,
        city=address.city,
        country=address.country,
        phone=address.phone,
        latitude=address.point.latitude if known else None,
        longitude=address.point.longitude if known else None,
    )


def _missing(field: str) -> InvalidFields:
    return InvalidFields(
        "the delivery is not complete", violations=[Violation(field, "must be given")]
    )
