"""What this service has begun and must bring to an end, whatever crashes in between.

A process is one row: its kind, its state, what its steps need to know. Whoever holds its lease
drives it; its version keeps a driver that was overtaken from writing.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from comptoir_orders.domain.orders import Quote
from comptoir_orders.domain.sourcing import Late, Plan
from comptoir_orders.domain.tenders import Tender, TenderChoice
from comptoir_orders.errors import Refusal


class Kind(StrEnum):
    PLACEMENT = "PLACEMENT"
    STORE_SALE = "STORE_SALE"
    CANCELLATION = "CANCELLATION"
    CAPTURE = "CAPTURE"
    VOID = "VOID"


class Step(StrEnum):
    """States of the simpler processes; a placement has its own, see `domain.placement`."""

    STARTED = "STARTED"
    DONE = "DONE"
    REFUSED = "REFUSED"


STEP_MOVES: dict[Step, frozenset[Step]] = {
    Step.STARTED: frozenset({Step.DONE, Step.REFUSED}),
    Step.DONE: frozenset(),
    Step.REFUSED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Intent:
    """What the buyer asked for."""

    cart: str
    cart_version: str
    quote: str
    tenders: tuple[TenderChoice, ...]
    tender_currency: str
    """Of the amounts given with the tenders; empty when there are none."""
    return_url: str
    buyer: str
    """Whose cart it must be; empty when staff assist the owner."""
    staff: str


@dataclass(frozen=True, slots=True)
class PlacementData:
    """What the steps of a placement need to know."""

    intent: Intent
    customer: str = ""
    channel: str = ""
    """Where it is bought; empty in rows of before payments and stock were told."""
    currency: str = ""
    total: int = 0
    number: str = ""
    """The order's number, once it is placed."""
    quote: Quote | None = None
    plan: Plan = ()
    plan_number: int = 1
    """Part of the reservation's key: another plan is another request."""
    hold_until: datetime | None = None
    """Until when the stock is surely ours."""
    reservation: str = ""
    late: tuple[Late, ...] = ()
    """What of the reservation has still to come."""
    tenders: tuple[Tender, ...] = ()
    """In the order in which they are asked for; known with the total."""
    action_url: str = ""
    refusal: Refusal | None = None
    abandoned: str | None = None
    """The customer's words when they called it off."""

    @property
    def current(self) -> int:
        """Index of the tender that is asked for now; past the last when all are authorised."""
        return sum(tender.authorised for tender in self.tenders)

    @property
    def paid(self) -> bool:
        """Whether every tender is authorised."""
        return self.current == len(self.tenders)

    def with_tender(self, **changes: Any) -> "PlacementData":
        """With something found out about the current tender."""
        index = self.current
        changed = replace(self.tenders[index], **changes)
        return replace(self, tenders=(*self.tenders[:index], changed, *self.tenders[index + 1 :]))

    def ended(self) -> "PlacementData":
        """What is kept once it has ended: enough to answer, nothing to pay with.

        The order of a placement that was called off is nowhere else.
        """
        return replace(
            self,
            intent=replace(
                self.intent,
                tenders=tuple(replace(choice, token="") for choice in self.intent.tenders),
            ),
            tenders=tuple(replace(tender, token="") for tender in self.tenders),
            quote=None if self.abandoned is None else self.quote,
            plan=(),
            late=(),
            action_url="",
        )


@dataclass(frozen=True, slots=True)
class TenderTaken:
    """Money taken over the counter, in minor units."""

    kind: str
    amount: int
    reference: str


@dataclass(frozen=True, slots=True)
class TillSale:
    """What a till says it has sold: units by sku, and the money it took, in one currency."""

    location: str
    customer: str
    units: tuple[tuple[str, int], ...]
    tenders: tuple[TenderTaken, ...]
    currency: str


@dataclass(frozen=True, slots=True)
class SaleData:
    """A till sale with its price."""

    quote: Quote
    tenders: tuple[TenderTaken, ...]
    location: str
    customer: str
    staff: str
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class CancellationData:
    """An order that is being called off."""

    reason: str
    payments: tuple[str, ...]
    reservation: str
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class CaptureData:
    """Money to take for goods that have left."""

    fulfilment: str
    payment: str
    amount: int
    currency: str
    share: int | None = None
    """All that the payment pays of the order; unknown in rows of before there were several."""
    once: bool = False
    """Of a payment that can be captured once: its amount is 0 until it is settled what is due."""

    def agrees(self, authorised: int, captured: int, currency: str) -> bool:
        """Whether the provider kept and took what it was asked to."""
        return (
            currency == self.currency
            and authorised == (authorised if self.share is None else self.share)
            and self.amount <= captured <= authorised
        )


@dataclass(frozen=True, slots=True)
class VoidData:
    """Money that turned up for a placement that had failed: one payment, or empty for all."""

    payment: str
