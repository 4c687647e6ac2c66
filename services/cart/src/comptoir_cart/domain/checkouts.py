"""A checkout holds a cart still, once, until it is released or completed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum

from comptoir_cart.domain.priced import PricedCart, Quote
from comptoir_cart.domain.promotions import require_usable
from comptoir_cart.errors import (
    CartEmpty,
    CheckoutClosed,
    DeliveryMissing,
    LinesBlocked,
    QuoteChanged,
)
from comptoir_runtime.errors import Precondition
from comptoir_runtime.money import from_minor


class CheckoutState(IntEnum):
    HELD = 1
    RELEASED = 2
    COMPLETED = 3


MOVES: Mapping[CheckoutState, frozenset[CheckoutState]] = {
    CheckoutState.HELD: frozenset({CheckoutState.RELEASED, CheckoutState.COMPLETED}),
    CheckoutState.RELEASED: frozenset(),
    CheckoutState.COMPLETED: frozenset(),
}
assert MOVES.keys() == set(CheckoutState)


@dataclass(frozen=True, slots=True)
class Checkout:
    """`quote` is None when it was released before it held anything."""

    id: str
    cart_id: str
    state: CheckoutState
    quote: Quote | None


def require_move(checkout: Checkout, state: CheckoutState) -> None:
    """Raises `CheckoutClosed` unless the checkout may go to this state."""
    if state not in MOVES[checkout.state]:
        raise CheckoutClosed(
            f"the checkout is {checkout.state.name}", metadata={"checkout": checkout.id}
        )


def same_content(version: int, held: Collection[int]) -> list[int]:
    """The versions of a cart with the content it has now, newest first.

    Being held makes one version, being opened again the next: `held` are those of checkouts that
    were undone.
    """
    versions = [version]
    while versions[-1] - 1 in held:
        versions += [versions[-1] - 1, versions[-1] - 2]
    return versions


def require_orderable(priced: PricedCart, shown: str) -> None:
    """Raises what keeps a cart from being ordered at the price that was shown.

    `CartEmpty`, `LinesBlocked`, `DeliveryMissing`, `CouponNotValid`, `QuoteChanged`.
    """
    if not priced.lines:
        raise CartEmpty("the cart is empty")
    blocked = [line for line in priced.lines if line.notice]
    if blocked:
        raise LinesBlocked(
            "some lines cannot be ordered",
            preconditions=[
                Precondition("LINE_BLOCKED", line.id, f"{line.sku} is not sold any more")
                for line in blocked
            ],
        )
    if not priced.deliverable:
        raise DeliveryMissing("no way of delivery is chosen")
    if priced.fingerprint != shown:
        # The more telling reason first: the coupon that was shown is used up, or over.
        for coupon in priced.coupons:
            require_usable(priced.coupons, coupon.code)
        money = from_minor(priced.totals.total, priced.cart.currency)
        raise QuoteChanged(
            "the cart does not cost what was shown",
            metadata={
                "quote": priced.fingerprint,
                "total": money.amount,
                "currency": money.currency,
            },
        )
