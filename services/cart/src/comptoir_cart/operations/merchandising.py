"""Coupons and shipping rules, as merchants set them."""

from collections.abc import Sequence
from dataclasses import replace

from comptoir_cart.domain.promotions import Coupon
from comptoir_cart.domain.shipping import ShippingRule
from comptoir_cart.errors import UsageLimitBelowUses
from comptoir_cart.store import coupons as store
from comptoir_cart.store import shipping
from comptoir_runtime.database import Session


async def put_coupon(session: Session, coupon: Coupon) -> Coupon:
    """Creates or changes a coupon; its uses stay. Raises `UsageLimitBelowUses`."""
    used = await store.put_coupon(session, coupon)
    if used is None:
        raise UsageLimitBelowUses(
            "the coupon has been used more often than that",
            metadata={"code": coupon.code, "usage_limit": str(coupon.usage_limit)},
        )
    return replace(coupon, used_count=used)


async def list_coupons(session: Session, after: str, limit: int) -> Sequence[Coupon]:
    """Coupons in the order of their codes."""
    return await store.list_coupons(session, after, limit)


async def put_shipping_rule(session: Session, rule: ShippingRule) -> ShippingRule:
    """Creates or changes a shipping rule."""
    await shipping.put_rule(session, rule)
    return rule
