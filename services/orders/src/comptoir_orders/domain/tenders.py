"""How an order is paid: by one means, or by several in a fixed order.

Amounts are minor units of the order's currency. The order of the tenders is settled once, when
the total is known: money is asked for in it, taken in it, and given up in reverse.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from comptoir_orders.errors import TendersDoNotMatch

# What the merchant holds for the customer is used up before anybody else is asked.
_OURS = ("gift_card", "store_credit")

# A part of a payment that is no multiple of this cannot be taken by card.
_STEPS = {"BHD": 10, "JOD": 10, "KWD": 10, "MGA": 100, "OMR": 10, "TND": 10}


@dataclass(frozen=True, slots=True)
class TenderChoice:
    """A means of payment as the buyer chose it; without an amount it pays the rest."""

    method: str
    token: str
    amount: int | None = None


@dataclass(frozen=True, slots=True)
class Tender:
    """One means of payment and its part of the total; `payment` once there is one."""

    method: str
    token: str
    amount: int
    payment: str = ""
    authorised: bool = False
    once: bool = False
    """Whether it can be captured only once."""


@dataclass(frozen=True, slots=True)
class TenderShare:
    """What one payment pays of an order."""

    payment: str
    amount: int
    once: bool = False
    """Whether it can be captured only once: when the last parcel has left, or time is up."""


def arrange(choices: Sequence[TenderChoice], total: int) -> tuple[Tender, ...]:
    """The tenders in their order, without those that pay nothing; their amounts sum to `total`.

    Raises `TendersDoNotMatch` when they do not.
    """
    given = sum(choice.amount or 0 for choice in choices)
    rest = total - given
    open_ended = sum(choice.amount is None for choice in choices)
    if rest < 0 or open_ended > 1 or (rest > 0 and open_ended == 0):
        raise TendersDoNotMatch(
            "the tenders do not add up to the total",
            metadata={"total_minor": str(total), "tenders_minor": str(given)},
        )
    tenders = [
        Tender(choice.method, choice.token, rest if choice.amount is None else choice.amount)
        for choice in choices
    ]
    paying = [tender for tender in tenders if tender.amount > 0]
    return tuple(sorted(paying, key=lambda tender: _rank(tender.method)))


def require_currency(given: str, currency: str) -> None:
    """Raises `TendersDoNotMatch` unless amounts were given in this currency, or none were."""
    if given not in ("", currency):
        raise TendersDoNotMatch(
            "the tenders are in another currency than the total",
            metadata={"currency": currency, "tenders_currency": given},
        )


def authorise_key(placement: str, index: int) -> str:
    """Under which key the tender at `index` is asked for, however often."""
    # The first one's is what it was when there was only one tender: a placement begun by an older
    # version is finished by this one without asking for the money twice.
    return f"{placement}/authorise" if index == 0 else f"{placement}/authorise/{index}"


def due(shares: Sequence[TenderShare], taken: int, amount: int, currency: str) -> list[TenderShare]:
    """Which payments the next `amount` is taken from, once `taken` is used up of them all.

    Each payment is used up before the next one is begun. Parts of zero are left out. Where card
    networks count coarser than the currency does, what is too fine waits for the next part.
    """
    parts: list[TenderShare] = []
    begin, end, at = taken, taken + amount, 0
    for share in shares:
        overlap = _taken_of(share, end - at, currency) - _taken_of(share, begin - at, currency)
        if overlap > 0:
            parts.append(replace(share, amount=overlap))
        at += share.amount
    return parts


def _taken_of(share: TenderShare, reached: int, currency: str) -> int:
    """What of one payment is taken when the goods have `reached` so far into it."""
    if reached >= share.amount:
        return share.amount
    return max(0, reached - reached % _STEPS.get(currency, 1))


def _rank(method: str) -> int:
    return _OURS.index(method) if method in _OURS else len(_OURS)
