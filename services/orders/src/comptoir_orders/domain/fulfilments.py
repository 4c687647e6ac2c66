"""Parcels and hand-overs: what is in them, what they cost, where they may go."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from comptoir_runtime import money


class FulfilmentState(StrEnum):
    AWAITING_STOCK = "AWAITING_STOCK"
    PROPOSED = "PROPOSED"
    SHIPPED = "SHIPPED"
    READY_FOR_PICKUP = "READY_FOR_PICKUP"
    HANDED_OVER = "HANDED_OVER"
    CANCELLED = "CANCELLED"


class FulfilmentMode(StrEnum):
    SHIP = "SHIP"
    PICK_UP = "PICK_UP"
    COUNTER = "COUNTER"


# A parcel may be handed over where it lies instead of being shipped; what is to be collected is
# never shipped.
FULFILMENT_MOVES: dict[FulfilmentMode, dict[FulfilmentState, frozenset[FulfilmentState]]] = {
    FulfilmentMode.SHIP: {
        FulfilmentState.AWAITING_STOCK: frozenset(
            {FulfilmentState.PROPOSED, FulfilmentState.CANCELLED}
        ),
        FulfilmentState.PROPOSED: frozenset(
            {FulfilmentState.SHIPPED, FulfilmentState.HANDED_OVER, FulfilmentState.CANCELLED}
        ),
        FulfilmentState.READY_FOR_PICKUP: frozenset(),
        FulfilmentState.SHIPPED: frozenset(),
        FulfilmentState.HANDED_OVER: frozenset(),
        FulfilmentState.CANCELLED: frozenset(),
    },
    FulfilmentMode.PICK_UP: {
        FulfilmentState.AWAITING_STOCK: frozenset(
            {FulfilmentState.PROPOSED, FulfilmentState.CANCELLED}
        ),
        FulfilmentState.PROPOSED: frozenset(
            {
                FulfilmentState.READY_FOR_PICKUP,
                FulfilmentState.HANDED_OVER,
                FulfilmentState.CANCELLED,
            }
        ),
        FulfilmentState.READY_FOR_PICKUP: frozenset(
            {FulfilmentState.HANDED_OVER, FulfilmentState.CANCELLED}
        ),
        FulfilmentState.SHIPPED: frozenset(),
        FulfilmentState.HANDED_OVER: frozenset(),
        FulfilmentState.CANCELLED: frozenset(),
    },
    # Born handed over: the customer took the goods along at the till.
    FulfilmentMode.COUNTER: {state: frozenset() for state in FulfilmentState},
}

LEFT = frozenset({FulfilmentState.SHIPPED, FulfilmentState.HANDED_OVER})


@dataclass(frozen=True, slots=True)
class FulfilmentLine:
    """Units of one order line."""

    line: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Fulfilment:
    """Goods of one order that leave one location together.

    `goods` and `shipping` are what the customer pays for them, in minor units of the order.
    """

    id: str
    order: str
    position: int
    location: str
    state: FulfilmentState
    mode: FulfilmentMode
    lines: tuple[FulfilmentLine, ...]
    goods: int
    shipping: int
    currency: str
    version: int = 1
    carrier: str = ""
    tracking_number: str = ""
    fulfilled_at: datetime | None = None
    expected_at: datetime | None = None
    """When goods that had still to come were expected, as promised with the order."""

    @property
    def amount(self) -> int:
        """What is captured when it leaves."""
        return self.goods + self.shipping

    def may_move(self, to: FulfilmentState) -> bool:
        """Whether the move is one of the table."""
        return to in FULFILMENT_MOVES[self.mode][self.state]


@dataclass(frozen=True, slots=True)
class Share:
    """Units of one order line in one parcel; `parcel` counts from 0."""

    parcel: int
    line: str
    quantity: int


def goods_by_parcel(totals: dict[str, int], shares: Sequence[Share], parcels: int) -> list[int]:
    """What the goods in each parcel cost; the parts sum to the sum of `totals` exactly.

    `totals` is what each order line costs. A line split over parcels is divided by units,
    largest remainder first.
    """
    by_line: dict[str, list[Share]] = {line: [] for line in totals}
    for share in shares:
        by_line[share.line].append(share)
    amounts = [0] * parcels
    for line, parts in by_line.items():
        split = money.allocate(totals[line], [part.quantity for part in parts])
        for part, amount in zip(parts, split, strict=True):
            amounts[part.parcel] += amount
    return amounts


def with_shipping_on(fulfilments: Sequence[Fulfilment], leaving: str) -> tuple[Fulfilment, ...]:
    """The same fulfilments with the delivery charged on the one that leaves first.

    Delivery is due with the first goods that leave, whichever they are; until then it stands on
    the first one planned. Nothing changes once goods have left.
    """
    if any(each.state in LEFT for each in fulfilments):
        return tuple(fulfilments)
    shipping = sum(each.shipping for each in fulfilments)
    return tuple(
        replace(each, shipping=shipping if each.id == leaving else 0) for each in fulfilments
    )
