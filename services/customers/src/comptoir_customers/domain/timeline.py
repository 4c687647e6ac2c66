"""Every touch of a customer on every channel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum


class TouchKind(IntEnum):
    """What happened; the numbers are those of the contract."""

    REGISTERED = 1
    SIGNED_IN = 2
    CART = 3
    ORDER_PLACED = 4
    STORE_SALE = 5
    SHIPPED = 6
    HANDED_OVER = 7
    ORDER_CANCELLED = 8
    PAID = 9
    REFUNDED = 10
    REFUND_FAILED = 11
    PAYMENT_DISPUTED = 12
    DISPUTE_WON = 13
    DISPUTE_LOST = 14


@dataclass(frozen=True, slots=True)
class Touch:
    """One touch; `amount` in minor units of `currency`.

    `kind` is a `TouchKind`, or the number of one that only a later version knows: while replicas
    are replaced, an old one reads what a new one has written.
    """

    id: str
    subject: str
    kind: int
    happened_at: datetime
    channel: str = ""
    reference: str = ""
    order_number: str = ""
    amount: int | None = None
    currency: str = ""
    location: str = ""
