"""Price lists, prices, coupons and shipping rules."""

from collections.abc import Iterable

from comptoir.cart.v1 import cart_pb2
from comptoir.cart.v1 import price_pb2 as pb
from comptoir.type.v1.localised_text_pb2 import LocalisedText
from comptoir_cart.convert.basics import invalid, minor_of
from comptoir_cart.domain.carts import Mode
from comptoir_cart.domain.prices import Price, PriceList, ResolvedPrice
from comptoir_cart.domain.promotions import Coupon, normal_code
from comptoir_cart.domain.shipping import ShippingRule
from comptoir_runtime.money import exponent, from_minor
from comptoir_runtime.timestamps import asked_moment, timestamp_or_none

_FULL_PERCENT = 10_000


def price_list_from(message: pb.PriceList) -> PriceList:
    """Raises `InvalidFields` for what is no moment."""
    return PriceList(
        code=message.code,
        currency=message.currency,
        tax_included=message.tax_included,
        channel=message.channel,
        customer_group=message.customer_group,
        priority=message.priority,
        valid_from=asked_moment(message, "valid_from_time", "price_list"),
        valid_to=asked_moment(message, "valid_to_time", "price_list"),
    )


def price_list_to(value: PriceList) -> pb.PriceList:
    return pb.PriceList(
        code=value.code,
        currency=value.currency,
        tax_included=value.tax_included,
        channel=value.channel,
        customer_group=value.customer_group,
        priority=value.priority,
        valid_from_time=timestamp_or_none(value.valid_from),
        valid_to_time=timestamp_or_none(value.valid_to),
    )


def prices_from(messages: Iterable[pb.Price]) -> list[Price]:
    """Raises `InvalidFields` naming the price that is wrong."""
    return [
        Price(
            sku=message.sku,
            min_quantity=message.min_quantity or 1,
            amount=minor_of(message.amount, f"prices[{index}].amount"),
            currency=message.amount.currency,
        )
        for index, message in enumerate(messages)
    ]


def resolved_to(value: ResolvedPrice, currency: str) -> pb.ResolvedPrice:
    price = value.price
    return pb.ResolvedPrice(
        sku=value.sku,
        amount=None if price is None else from_minor(price.amount, currency),
        price_list="" if price is None else price.price_list,
        tax_included=price is not None and price.tax_included,
        tiers=[
            pb.ResolvedPrice.Tier(
                min_quantity=tier.min_quantity, amount=from_minor(tier.amount, currency)
            )
            for tier in value.tiers
        ],
    )


def coupon_from(message: pb.Coupon) -> Coupon:
    """Raises `InvalidFields` for an effect that takes nothing off, or more than there is."""
    minimum = None
    currency = ""
    if message.HasField("minimum_subtotal"):
        minimum = minor_of(message.minimum_subtotal, "coupon.minimum_subtotal")
        currency = message.minimum_subtotal.currency
    match message.WhichOneof("effect"):
        case "percent":
            effect, value = "percent", _hundredths(message.percent)
            if not 0 < value <= _FULL_PERCENT:
                raise invalid("coupon.percent", "must be above 0 and at most 100")
        case "amount":
            effect, value = "amount", minor_of(message.amount, "coupon.amount")
            if value == 0:
                raise invalid("coupon.amount.amount", "must be above 0")
            if currency not in {"", message.amount.currency}:
                raise invalid("coupon.minimum_subtotal.currency", "must be that of the amount")
            currency = message.amount.currency
        case _:
            raise invalid("coupon.effect", "must be given")
    return Coupon(
        code=normal_code(message.code),
        effect=effect,
        value=value,
        currency=currency,
        label=dict(message.label.texts),
        minimum_subtotal=minimum,
        usage_limit=message.usage_limit,
        usage_limit_per_customer=message.usage_limit_per_customer,
        valid_from=asked_moment(message, "valid_from_time", "coupon"),
        valid_to=asked_moment(message, "valid_to_time", "coupon"),
    )


def coupon_to(value: Coupon) -> pb.Coupon:
    message = pb.Coupon(
        code=value.code,
        label=LocalisedText(texts=value.label),
        usage_limit=value.usage_limit,
        usage_limit_per_customer=value.usage_limit_per_customer,
        used_count=value.used_count,
        valid_from_time=timestamp_or_none(value.valid_from),
        valid_to_time=timestamp_or_none(value.valid_to),
    )
    if value.effect == "percent":
        whole, hundredths = divmod(value.value, 100)
        message.percent = f"{whole}.{hundredths:02}".rstrip("0").rstrip(".")
    else:
        message.amount.CopyFrom(from_minor(value.value, value.currency))
    if value.minimum_subtotal is not None:
        message.minimum_subtotal.CopyFrom(from_minor(value.minimum_subtotal, value.currency))
    return message


def rule_from(message: pb.ShippingRule) -> ShippingRule:
    """Raises `InvalidFields` when the threshold is in another currency than the price."""
    free_from = None
    if message.HasField("free_from"):
        free_from = minor_of(message.free_from, "shipping_rule.free_from")
        if message.free_from.currency != message.price.currency:
            raise invalid("shipping_rule.free_from.currency", "must be that of the price")
    exponent(message.price.currency)
    return ShippingRule(
        code=message.code,
        name=dict(message.name.texts),
        mode=Mode(message.mode),
        countries=tuple(message.countries),
        currency=message.price.currency,
        price=minor_of(message.price, "shipping_rule.price"),
        free_from=free_from,
        position=message.position,
    )


def rule_to(value: ShippingRule) -> pb.ShippingRule:
    return pb.ShippingRule(
        code=value.code,
        name=LocalisedText(texts=value.name),
        mode=cart_pb2.Delivery.Mode.ValueType(value.mode),
        countries=value.countries,
        price=from_minor(value.price, value.currency),
        free_from=None if value.free_from is None else from_minor(value.free_from, value.currency),
        position=value.position,
    )


def _hundredths(percent: str) -> int:
    whole, _, fraction = percent.partition(".")
    return int(whole) * 100 + int(fraction.ljust(2, "0"))
