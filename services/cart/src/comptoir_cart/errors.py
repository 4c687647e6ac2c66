"""What this service refuses, each with its reason (the class name in capitals)."""

from comptoir_runtime.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
)


class CartNotFound(NotFound):
    """There is no cart with this id."""


class LineNotFound(NotFound):
    """The cart has no line with this id."""


class CouponNotFound(NotFound):
    """The coupon is not on the cart."""


class PriceListNotFound(NotFound):
    """There is no price list with this code."""


class ProductNotSold(NotFound):
    """The channel does not sell the sku, or has no price for it; metadata: sku, channel, why."""


class QuantityAboveLimit(InvalidArgument):
    """More units of one product than a cart takes; metadata: limit."""


class NotTheBuyer(PermissionDenied):
    """The cart belongs to somebody else than the buyer."""


class CartNotOpen(FailedPrecondition):
    """The cart cannot be changed any more, or not now; metadata: state."""


class CartFull(FailedPrecondition):
    """The cart has as many lines as it takes; metadata: limit."""


class TooManyCoupons(FailedPrecondition):
    """The cart has as many coupons as it takes; metadata: limit."""


class CouponNotValid(FailedPrecondition):
    """The coupon cannot be used; metadata: code, why."""


class ShippingMethodNotOffered(FailedPrecondition):
    """No shipping method of this code serves the delivery; metadata: shipping_method."""


class CountryNotServed(FailedPrecondition):
    """The tax rates of the country are not known; metadata: country."""


class CartEmpty(FailedPrecondition):
    """There is nothing to order."""


class LinesBlocked(FailedPrecondition):
    """Some lines cannot be ordered: see the preconditions, one per line."""


class DeliveryMissing(FailedPrecondition):
    """Nobody has chosen how the goods reach the customer, or that way is not offered any more."""


class QuoteChanged(FailedPrecondition):
    """The cart does not cost what the buyer was shown; metadata: quote, total, currency."""


class CheckoutClosed(FailedPrecondition):
    """This checkout does not hold the cart (any more)."""


class UsageLimitBelowUses(FailedPrecondition):
    """The coupon has been used more often than the new limit; metadata: code, usage_limit."""


class CurrencyFixed(FailedPrecondition):
    """The currency of a price list with prices cannot change."""
