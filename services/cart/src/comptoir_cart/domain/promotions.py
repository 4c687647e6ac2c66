"""Coupons: what they are called, when they count and what they take off."""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from comptoir_cart.errors import CouponNotValid


class Why(StrEnum):
    """Why a coupon takes nothing off."""

    UNKNOWN = "UNKNOWN"
    NOT_STARTED = "NOT_STARTED"
    EXPIRED = "EXPIRED"
    USED_UP = "USED_UP"
    USED_BY_CUSTOMER = "USED_BY_CUSTOMER"
    OTHER_CURRENCY = "OTHER_CURRENCY"
    SIGN_IN_REQUIRED = "SIGN_IN_REQUIRED"
    MINIMUM_NOT_REACHED = "MINIMUM_NOT_REACHED"
    NOTHING_LEFT = "NOTHING_LEFT"


MAY_CHANGE = frozenset({Why.SIGN_IN_REQUIRED, Why.MINIMUM_NOT_REACHED, Why.NOTHING_LEFT})
"""A coupon may stay on a cart for these reasons: the customer can still make it count."""


class Effect(Protocol):
    """How a coupon takes something off."""

    phase: int
    """Effects of a lower phase come first."""

    def off(self, goods: int, value: int) -> int:
        """What comes off goods of this price, minor units: from 0 to `goods`.

        Dearer goods stay at least as dear: `goods - off(goods, value)` never falls when `goods`
        grows. So one more coupon never raises a total.
        """


@dataclass(frozen=True, slots=True)
class Coupon:
    """A code that takes something off a cart. Amounts are minor units."""

    code: str
    effect: str
    """Name of the effect, "percent" or "amount"."""
    value: int
    """Hundredths of a percent, or minor units of `currency`."""
    currency: str
    """Currency of the amounts; empty when there are none."""
    label: Mapping[str, str]
    minimum_subtotal: int | None = None
    usage_limit: int = 0
    usage_limit_per_customer: int = 0
    used_count: int = 0
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    used_by_owner: int = 0
    """Uses by the owner of the cart that is being priced."""

    def why_not(self, now: datetime, currency: str, subtotal: int, *, known: bool) -> Why | None:
        """The first reason why it does not count now, None when it does.

        `known` says whether the buyer has signed in: only then can their uses be counted.
        """
        if self.valid_from is not None and now < self.valid_from:
            return Why.NOT_STARTED
        if self.valid_to is not None and now >= self.valid_to:
            return Why.EXPIRED
        if self.usage_limit and self.used_count >= self.usage_limit:
            return Why.USED_UP
        if self.currency and self.currency != currency:
            return Why.OTHER_CURRENCY
        if self.usage_limit_per_customer:
            if not known:
                return Why.SIGN_IN_REQUIRED
            if self.used_by_owner >= self.usage_limit_per_customer:
                return Why.USED_BY_CUSTOMER
        if self.minimum_subtotal is not None and subtotal < self.minimum_subtotal:
            return Why.MINIMUM_NOT_REACHED
        return None


@dataclass(frozen=True, slots=True)
class AppliedCoupon:
    """What a coupon on a cart takes off; `reason` is empty when it takes something."""

    code: str
    discount: int
    reason: str = ""


def normal_code(typed: str) -> str:
    """The one form of a code: width, case and what cannot be seen make no difference."""
    # A code that is copied out of a mail brings zero-width spaces and soft hyphens along.
    seen = "".join(each for each in typed if unicodedata.category(each) != "Cf")
    # Casefold first: some capitals only exist as a pair of letters.
    folded = unicodedata.normalize("NFKC", seen).strip().casefold().upper()
    return unicodedata.normalize("NFKC", folded)


def require_usable(applied: Iterable[AppliedCoupon], code: str) -> None:
    """Raises `CouponNotValid` when nothing the customer does can make the coupon count."""
    for coupon in applied:
        if coupon.code == code and coupon.reason and Why(coupon.reason) not in MAY_CHANGE:
            raise not_valid(code, Why(coupon.reason))


def not_valid(code: str, why: Why) -> CouponNotValid:
    return CouponNotValid("the coupon cannot be used", metadata={"code": code, "why": str(why)})
