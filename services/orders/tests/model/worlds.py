"""The shapes of what is explored: settings, and the worlds that moves lead from and to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from comptoir_orders.domain.placement import MOVES, Outcome, State
from comptoir_orders.domain.tenders import TenderChoice
from services.orders.tests.model.neighbours import Neighbours

Moves = Mapping[State, Mapping[Outcome, State]]

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
UNDONE = (State.FAILED, State.CANCELLED)
IN_TIME, HOLD_OVER = range(2)
"""Whether it is too late for everything, and what is held may run out: whenever it likes, so that a
time at which it is too late and nothing runs out yet would add nothing."""
NOWS = (BEGAN, BEGAN + timedelta(days=1))


@dataclass(frozen=True)
class Setting:
    """What is explored; the budgets bound it."""

    placements: int = 1
    crowd: bool = True
    """Others take the unit, or the cart, and give it back whenever they like."""
    tenders: tuple[TenderChoice, ...] = (TenderChoice("card", ""),)
    one_cart: bool = False
    """Two tabs: all are of the same cart."""
    crashes: int = 2
    """Drivers that die, or that are stopped for longer than their lease and go on later."""
    tricks: int = 1
    """Requests that arrive late or twice, and providers that change their mind after a no."""
    calling_off: bool = True
    moves: Moves = field(default_factory=lambda: MOVES)
    fenced: bool = True
    """False: an overtaken driver's writes count."""
    hears: bool = True
    """False: money that turns up after the end is kept."""
    heeds: bool = True
    """False: what was called off can still be placed."""


class Row(NamedTuple):
    """The process, as it is written; `news` is whether anybody ever nudged it."""

    state: State
    document: int
    leased: bool = True
    called_off: bool = False
    news: bool = False
    time: int = IN_TIME


class Driver(NamedTuple):
    """Somebody who works on the row: `heard` is whether they know that it was called off.

    `first` matters only before anything was asked of anybody.
    """

    state: State
    document: int
    current: bool
    heard: bool
    first: bool = False


class World(NamedTuple):
    """Everything that has to do with one placement."""

    row: Row
    drivers: tuple[Driver, ...]
    around: Neighbours = Neighbours()
    void: bool = False
    """Whether its money is to be given up after the end."""


class Move(NamedTuple):
    """What may happen next, and what it costs of the budgets."""

    name: str
    world: World
    crashes: int = 0
    tricks: int = 0


Standing = tuple[State, int, bool, bool, int]
"""Of a driver: state and document, `heard` and `first`, and what time it is."""


class Step(NamedTuple):
    """What came of one step; `around` is None when nobody was asked."""

    outcome: Outcome
    document: int
    around: Neighbours | None
