"""Which back-orders are covered by units that have come: first promised, first covered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from comptoir_inventory.domain.reservations import State


@dataclass(frozen=True, slots=True)
class Waiting:
    """Units of a promise that had not come when this was noted, at one place."""

    position: int
    reservation: str
    owner: str
    state: State
    units: int


def not_come(own: int, ahead: int, waiting: int, missing: int) -> int:
    """Of a promise's `own` waiting units those that have not come.

    `ahead` wait before them, `waiting` with them and behind them in all; of these the place still
    misses `missing`.
    """
    return own - min(own, max(0, waiting - missing - ahead))


def covered(waiting: Sequence[Waiting], units: int) -> list[tuple[Waiting, int]]:
    """To whom `units` that have come go, in the order of the promises, and how many.

    A promise that is only held keeps its turn and is told nothing: its order is not there yet.
    """
    told = []
    for each in waiting:
        if units <= 0:
            break
        given = min(units, each.units)
        units -= given
        if each.state is State.CONFIRMED:
            told.append((each, given))
    return told
