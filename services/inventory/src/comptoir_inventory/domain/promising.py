"""Deciding promises: who gets what, first come first served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from comptoir_inventory.domain.locations import serves
from comptoir_inventory.domain.reservations import Line
from comptoir_inventory.domain.selling import Beyond
from comptoir_inventory.domain.stock import Change, Place, Quantity
from comptoir_inventory.errors import Shortage


@dataclass(frozen=True, slots=True)
class Ask:
    """A wish for a promise: all lines or none, for `time_to_live` (15 minutes when None)."""

    owner: str
    request_id: str
    lines: Sequence[Quantity]
    time_to_live: timedelta | None = None
    channel: str = ""
    """Places that do not serve it offer nothing."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Units that are wanted together, each place once, for an order of a channel."""

    lines: Sequence[Quantity]
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be promised at a place now."""

    available: int = 0
    beyond: Beyond | None = None
    busy: bool = False
    """Whether somebody else is changing it, so that nothing can be said."""
    channels: frozenset[str] = frozenset()
    """Those the place serves; none named: all."""

    def to(self, channel: str) -> Offer:
        """What of it an order of the channel can have."""
        return self if serves(self.channels, channel) else NOTHING


NOTHING = Offer()


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one request: it is granted when nothing is short, excessive or busy."""

    lines: tuple[Line, ...] = ()
    shortages: tuple[Shortage, ...] = ()
    excess: tuple[str, int] | None = None
    """A sku of which too many were asked for in one promise, and the most there may be."""
    busy: bool = False


def plan_batch(
    offers: Mapping[Place, Offer], requests: Sequence[Wanted], now: datetime
) -> list[Decision]:
    """Decides requests in their order; what is granted to one is not there for the next.

    All lines of a request are granted or none.
    """
    left = dict(offers)
    decisions = []
    for request in requests:
        decision = _decide(left, request, now)
        for line in decision.lines:
            left[line.place] = _less(left[line.place], line)
        decisions.append(decision)
    return decisions


def changes_of(decisions: Sequence[Decision]) -> list[Change]:
    """What the granted promises do to the figures, by place, in the order of locks."""
    totals: dict[Place, list[int]] = {}
    for decision in decisions:
        for line in decision.lines:
            total = totals.setdefault(line.place, [0, 0])
            total[0] += line.units - line.backordered
            total[1] += line.units
    return [
        Change(*place, reserved=there, promised=all_units, needed=there or None)
        for place, (there, all_units) in sorted(totals.items())
    ]


def _decide(left: Mapping[Place, Offer], request: Wanted, now: datetime) -> Decision:
    found = [
        (each, left.get((each.sku, each.location), NOTHING).to(request.channel))
        for each in request.lines
    ]
    if any(offer.busy for _, offer in found):
        return Decision(busy=True)
    excess = _excess(found)
    if excess is not None:
        return Decision(excess=excess)
    short = []
    lines = []
    for wanted, offer in found:
        missing = max(0, wanted.units - offer.available)
        most = 0 if offer.beyond is None else offer.beyond.units(now)
        if missing > most:
            total = offer.available + most
            short.append(Shortage(wanted.sku, wanted.location, wanted.units, total))
        lines.append(_line(wanted, offer.beyond, missing))
    return Decision(shortages=tuple(short)) if short else Decision(lines=tuple(lines))


def _line(wanted: Quantity, beyond: Beyond | None, missing: int) -> Line:
    expected = None if beyond is None or not missing else beyond.expected_at(missing)
    return Line(
        wanted.sku, wanted.location, wanted.units, backordered=missing, expected_at=expected
    )


def _less(offer: Offer, line: Line) -> Offer:
    beyond = offer.beyond
    if beyond is not None:
        beyond = replace(beyond, backordered=beyond.backordered + line.backordered)
    available = offer.available - line.units + line.backordered
    return replace(offer, available=available, beyond=beyond)


def _excess(found: Sequence[tuple[Quantity, Offer]]) -> tuple[str, int] | None:
    units: dict[str, int] = {}
    for wanted, offer in found:
        most = 0 if offer.beyond is None else offer.beyond.policy.max_per_order
        units[wanted.sku] = units.get(wanted.sku, 0) + wanted.units
        if most and units[wanted.sku] > most:
            return wanted.sku, most
    return None
