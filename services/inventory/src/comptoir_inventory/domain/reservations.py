"""Promises of stock: what they hold, and how they move from state to state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum

from comptoir_inventory.domain.stock import Place, Quantity

DEFAULT_TIME_TO_LIVE = timedelta(minutes=15)


class State(IntEnum):
    """Where a promise stands; the numbers are those of the contract."""

    HELD = 1
    CONFIRMED = 2
    CONSUMED = 3
    RELEASED = 4
    EXPIRED = 5


# An expired promise may be taken up again when its units are still free. A consumed or
# released one has ended.
MOVES: Mapping[State, frozenset[State]] = {
    State.HELD: frozenset({State.CONFIRMED, State.CONSUMED, State.RELEASED, State.EXPIRED}),
    State.CONFIRMED: frozenset({State.CONSUMED, State.RELEASED}),
    State.EXPIRED: frozenset({State.CONFIRMED}),
    State.CONSUMED: frozenset(),
    State.RELEASED: frozenset(),
}
OPEN = frozenset({State.HELD, State.CONFIRMED})

assert MOVES.keys() == set(State), "every state says where it can go"


class ForbiddenMove(Exception):
    """A state that cannot follow was asked for: a mistake in this service."""


@dataclass(frozen=True, slots=True)
class Line:
    """Units of one sku promised from one location, and what became of them."""

    sku: str
    location: str
    units: int
    consumed: int = 0
    released: int = 0
    backordered: int = 0
    """Units that were not there when they were promised."""
    expected_at: datetime | None = None
    """When the last of those should come."""

    @property
    def left(self) -> int:
        """Units that are still promised."""
        return self.units - self.consumed - self.released

    @property
    def place(self) -> Place:
        """The sku and the location."""
        return self.sku, self.location


@dataclass(frozen=True, slots=True)
class Reservation:
    """A promise of stock to somebody: all lines or none."""

    id: str
    owner: str
    state: State
    lines: tuple[Line, ...]
    expires_at: datetime
    created_at: datetime
    revoked_by: str = ""
    """Who of the staff took it away, as it was needed by nobody."""
    revoke_reason: str = ""

    def moved(self, state: State) -> Reservation:
        """The same promise in another state; raises `ForbiddenMove`."""
        if state not in MOVES[self.state]:
            raise ForbiddenMove(f"reservation {self.id}: {self.state.name} → {state.name}")
        return replace(self, state=state)

    def extended(self, until: datetime) -> Reservation:
        """The same promise, held at least until then."""
        return replace(self, expires_at=max(self.expires_at, until))

    def promised_again(self, lines: Iterable[Line]) -> Reservation:
        """The same promise with what of it is beyond stock now, by place."""
        beyond = {line.place: (line.backordered, line.expected_at) for line in lines}
        return replace(
            self,
            lines=tuple(
                replace(line, backordered=late, expected_at=at)
                for line in self.lines
                for late, at in [beyond.get(line.place, (0, None))]
            ),
        )

    def everything_left(self) -> list[Quantity]:
        """All units that are still promised, by place."""
        return [Quantity(line.sku, line.location, line.left) for line in self.lines if line.left]

    def left_at(self, place: Place) -> int:
        """Units still promised of a sku at a location."""
        return sum(line.left for line in self.lines if line.place == place)

    def consume(self, units: Iterable[Quantity]) -> Reservation:
        """The promise after these units have left; they must be promised."""
        return self._settle(units, "consumed")

    def release(self, units: Iterable[Quantity]) -> Reservation:
        """The promise after these units were given back; they must be promised."""
        return self._settle(units, "released")

    def _settle(self, units: Iterable[Quantity], how: str) -> Reservation:
        by_place = {(each.sku, each.location): each.units for each in units}
        lines = tuple(
            replace(line, **{how: getattr(line, how) + by_place.get(line.place, 0)})
            for line in self.lines
        )
        settled = replace(self, lines=lines)
        if any(line.left for line in lines):
            return settled
        gone = any(line.consumed for line in lines)
        return settled.moved(State.CONSUMED if gone else State.RELEASED)
