"""What an order is made of, and where it may go.

Amounts are minor units of the order's currency, tax included.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from comptoir_orders.domain.fulfilments import Fulfilment
from comptoir_orders.domain.tenders import TenderShare
from comptoir_runtime.addresses import Address


class OrderState(StrEnum):
    """Where an order stands. CANCELLING is ours alone: outside it still reads as placed."""

    PLACED = "PLACED"
    CANCELLING = "CANCELLING"
    PARTIALLY_FULFILLED = "PARTIALLY_FULFILLED"
    FULFILLED = "FULFILLED"
    CANCELLED = "CANCELLED"


ORDER_MOVES: dict[OrderState, frozenset[OrderState]] = {
    OrderState.PLACED: frozenset(
        {OrderState.CANCELLING, OrderState.PARTIALLY_FULFILLED, OrderState.FULFILLED}
    ),
    # Back to PLACED when the money turns out to have been taken already.
    OrderState.CANCELLING: frozenset({OrderState.PLACED, OrderState.CANCELLED}),
    OrderState.PARTIALLY_FULFILLED: frozenset(
        {OrderState.PARTIALLY_FULFILLED, OrderState.FULFILLED}
    ),
    OrderState.FULFILLED: frozenset(),
    OrderState.CANCELLED: frozenset(),
}


class DeliveryMode(StrEnum):
    """How the customer wants the goods."""

    SHIP = "SHIP"
    PICK_UP = "PICK_UP"
    COUNTER = "COUNTER"


@dataclass(frozen=True, slots=True)
class Delivery:
    """How and where to: an address, or the code of a store."""

    mode: DeliveryMode
    address: Address | None = None
    location: str = ""
    shipping_method: str = ""


@dataclass(frozen=True, slots=True)
class OrderLine:
    """Units of one product with their amounts, as they were when they were bought."""

    id: str
    sku: str
    name: str
    quantity: int
    unit_price: int
    discount: int
    total: int
    tax: int
    tax_rate: str

    @property
    def subtotal(self) -> int:
        """What the units cost before the discount."""
        return self.unit_price * self.quantity

    def adds_up(self) -> bool:
        """Whether the total is the price less the discount, the tax within it or on top."""
        return self.total - (self.subtotal - self.discount) in (0, self.tax)


@dataclass(frozen=True, slots=True)
class Totals:
    """What it all costs. `tax` is within the total; of net prices it is not in the subtotal."""

    subtotal: int
    discount: int
    shipping: int
    tax: int
    total: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A cart held still: what an order is made from."""

    fingerprint: str
    cart: str
    owner: str
    channel: str
    currency: str
    lines: tuple[OrderLine, ...]
    totals: Totals
    delivery: Delivery
    coupons: tuple[str, ...] = ()

    def adds_up(self) -> bool:
        """Whether the lines and the delivery sum to the totals, and nothing is below zero."""
        lines, totals = self.lines, self.totals
        return (
            all(line.adds_up() for line in lines)
            and sum(line.subtotal for line in lines) == totals.subtotal
            and sum(line.discount for line in lines) == totals.discount
            and sum(line.total for line in lines) + totals.shipping == totals.total
            and min(totals.shipping, totals.total, *(line.total for line in lines)) >= 0
        )


@dataclass(frozen=True, slots=True)
class OrderContent:
    """What of an order never changes once it stands."""

    lines: tuple[OrderLine, ...]
    totals: Totals
    delivery: Delivery
    coupons: tuple[str, ...]
    payments: tuple[str, ...]
    reservation: str
    staff: str
    placement: str
    tenders: tuple[TenderShare, ...] = ()
    """What each payment pays, in the order they are taken; empty for a till sale."""

    @property
    def shares(self) -> tuple[TenderShare, ...]:
        """What each payment pays; one that is alone pays all."""
        if not self.tenders and self.payments:
            return (TenderShare(self.payments[0], self.totals.total),)
        return self.tenders


class ReviewReason(StrEnum):
    """What has happened to a payment of an order that somebody has to look at."""

    REFUND_FAILED = "REFUND_FAILED"
    PAYMENT_DISPUTED = "PAYMENT_DISPUTED"
    PAYMENT_CHARGED_BACK = "PAYMENT_CHARGED_BACK"


def review_reason(
    *, disputed: bool, charged_back: bool, refund_came_back: bool
) -> ReviewReason | None:
    """What there is to look at while a payment stands like this; the gravest, or None."""
    if charged_back:
        return ReviewReason.PAYMENT_CHARGED_BACK
    if disputed:
        return ReviewReason.PAYMENT_DISPUTED
    return ReviewReason.REFUND_FAILED if refund_came_back else None


@dataclass(frozen=True, slots=True)
class Order:
    """What a customer bought, whatever the channel."""

    id: str
    number: str
    version: int
    state: OrderState
    channel: str
    customer: str
    currency: str
    cart: str
    content: OrderContent
    captured: int
    cancel_reason: str
    placed_at: datetime
    updated_at: datetime
    fulfilments: tuple[Fulfilment, ...] = ()
    reviews: tuple[tuple[str, ReviewReason], ...] = ()
    """Payments that somebody has to look at, and why."""


def may_move(state: OrderState, to: OrderState) -> bool:
    """Whether the move is one of the table."""
    return to in ORDER_MOVES[state]
