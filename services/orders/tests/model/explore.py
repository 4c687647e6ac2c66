"""Breadth first over everything that may happen, with the invariants looked at in every state.

A state is where each placement is (a number for its `World`) and what is left of the budgets. The
moves of one placement depend on the others only by `Others`; they are worked out once. A second
placement can be followed step by step, or be a crowd that takes the unit and gives it back whenever
it likes: that contains all that a second one, or a tenth, can do to the first, and the budgets are
spent on the first alone.

Two things keep it small without leaving anything out. Where one has been with as much left or more,
nothing new can happen: whatever may follow may follow there, too. And what a crowd takes and gives
back is no state: each move is tried with all that it may have at that moment.
"""

import asyncio
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from comptoir_orders.clients import PaymentStatus
from comptoir_orders.domain.placement import TERMINAL, State
from services.orders.tests.model.neighbours import ACTIVE, Others
from services.orders.tests.model.placements import Placements
from services.orders.tests.model.worlds import HOLD_OVER, UNDONE, Move, Setting, World

Place = tuple[tuple[int, ...], int, int, bool]
"""A state: the worlds of the placements, the crashes and tricks that are left, and whether the
cart has become an order of somebody in the crowd."""
_BREATH = 2000
# Places are kept as numbers: a tenth of the memory. Bits of a world, and of each budget.
_WORLD, _BUDGET = 28, 2


@dataclass
class Found:
    """What an exploration has seen; it ends with the first violation."""

    states: int = 0
    moves_deep: int = 0
    """All that may happen in so many moves was seen."""
    unseen: int = 0
    """States that were reached and not followed any further: zero unless the size was bounded."""
    transitions: int = 0
    worlds: int = 0
    ends: int = 0
    violations: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of one world, looked at once."""

    others: Others
    """What it is for the others."""
    ends: bool
    broken: str
    """An invariant that must hold in any case."""
    unclean: str
    """One that must hold as long as nothing was late, twice or crashed."""


class Explorer:
    """Explores one setting."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._model = Placements(setting)
        self._numbers: dict[World, int] = {}
        self._worlds: list[World] = []
        self._facts: list[Facts] = []
        self._moves: dict[tuple[int, Others], tuple[bool, bool, array[int]]] = {}
        """By world and others: whether those that cost something are there, and all as numbers."""
        self._names: dict[str, int] = {}
        self._parts: dict[Any, Any] = {}
        self._broken_move = ""
        self._came_by: dict[int, int] = {}
        """The place before each, itself for the first."""
        self._been: dict[int, int] = {}
        """By place without its budgets: a bit for each that is left no less than somewhere."""

    async def explore(self, at_most: int = 10**9) -> Found:
        """Every state that can be reached, or the first `at_most` of them. Needs a running loop."""
        setting, found = self._setting, Found()
        first = self._number_of(self._model.first())
        start: Place = ((first,) * setting.placements, setting.crashes, setting.tricks, False)
        level = [_packed(start)]
        self._came_by[level[0]] = level[0]
        while level and found.states < at_most:
            following: list[int] = []
            for turn, packed in enumerate(level):
                self._look_at(packed, found, following)
                if found.violations:
                    return found
                if found.states % _BREATH == 0:
                    await asyncio.sleep(0)  # the loop forgets the pauses that took no time
                if found.states >= at_most:
                    found.unseen = len(following) + len(level) - turn - 1
                    break
            else:
                found.moves_deep += 1
            level = following
        found.violations += self._stuck()
        found.worlds = len(self._worlds)
        return found

    def _look_at(self, packed: int, found: Found, following: list[int]) -> None:
        """Whether the invariants hold in a place, and where it leads."""
        place = _unpacked(packed, self._setting.placements)
        worlds, crashes, tricks, _ = place
        found.states += 1
        found.ends += all(self._facts[number].ends for number in worlds)
        clean = (crashes, tricks) == (self._setting.crashes, self._setting.tricks)
        broken = self._broken(worlds, clean)
        for _, to in self._following(place):
            found.transitions += 1
            if self._is_new(to):
                there = _packed(to)
                self._came_by[there] = packed
                following.append(there)
        if broken or self._broken_move:
            found.violations.append(f"{broken or self._broken_move}: {self._way_to(packed)}")

    def _is_new(self, place: Place) -> bool:
        """Whether nobody has been there with as much left."""
        worlds, crashes, tricks, ordered = place
        where = _packed((worlds, 0, 0, ordered))
        been, bit = self._been.get(where, 0), 1 << (crashes << _BUDGET | tricks)
        if been & bit:
            return False
        for fewer in range(crashes + 1):
            been |= ((1 << (tricks + 1)) - 1) << (fewer << _BUDGET)
        self._been[where] = been
        return True

    # --- moves ---------------------------------------------------------------------------------

    def _following(self, place: Place) -> Iterator[tuple[int, Place]]:
        """The number of each move's name, and the place it leads to."""
        worlds, crashes, tricks, ordered = place
        for turn, number in enumerate(worlds):
            rest = worlds[:turn] + worlds[turn + 1 :]
            for others in self._others(worlds, rest, ordered):
                for name, to, crash, trick in self._after(number, others, crashes > 0, tricks > 0):
                    # Placements are alike: only which worlds there are matters.
                    together = tuple(sorted((*rest, to)))
                    yield name, (together, crashes - crash, tricks - trick, ordered)
        if (
            self._setting.crowd
            and self._setting.one_cart
            and not ordered
            and not self._facts[worlds[0]].others.cart
        ):
            yield self._name("somebody's order"), (worlds, crashes, tricks, True)

    def _number_of(self, world: World) -> int:
        number = self._numbers.get(world)
        if number is None:
            number = len(self._worlds)
            # Most worlds differ from another one in one part only: equal parts are kept once.
            row, drivers, around = map(self._kept, world[:3])
            world = world._replace(row=row, drivers=drivers, around=around)
            self._numbers[world] = number
            self._worlds.append(world)
            self._facts.append(self._kept(facts_of(self._model, world)))
        return number

    def _kept(self, part: Any) -> Any:
        return self._parts.setdefault(part, part)

    def _after(
        self, number: int, others: Others, crashes: bool, tricks: bool
    ) -> Iterator[tuple[int, int, int, int]]:
        """The moves that can be afforded: name, the world it leads to, and what it costs."""
        known = self._moves.get((number, others))
        if known is None or (crashes and not known[0]) or (tricks and not known[1]):
            known = crashes, tricks, self._worked_out(number, others, crashes, tricks)
            self._moves[number, self._kept(others)] = known
        for packed in known[2]:
            rest, trick = _split(packed, _BUDGET)
            rest, crash = _split(rest, _BUDGET)
            if (crashes or not crash) and (tricks or not trick):
                name, to = _split(rest, _WORLD)
                yield name, to, crash, trick

    def _worked_out(self, number: int, others: Others, crashes: bool, tricks: bool) -> "array[int]":
        before, moves = self._worlds[number], array("Q")
        for move in self._model.after(before, others, crashes, tricks):
            self._broken_move = self._broken_move or _changed_the_end(before, move)
            packed = self._name(move.name) << _WORLD | self._number_of(move.world)
            moves.append((packed << _BUDGET | move.crashes) << _BUDGET | move.tricks)
        return moves

    def _name(self, name: str) -> int:
        return self._names.setdefault(name, len(self._names))

    def _others(
        self, worlds: tuple[int, ...], rest: tuple[int, ...], ordered: bool
    ) -> Iterator[Others]:
        """All that others may have: those that are followed, or any number in a crowd."""
        if not self._setting.crowd:
            yield self._met(self._facts[each].others for each in rest)
            return
        ours = self._facts[worlds[0]].others
        for unit in (False,) if ours.unit else (False, True):
            if not self._setting.one_cart:
                yield Others(unit)
            elif ordered:
                yield Others(unit, True, True)
            else:
                for cart in (False,) if ours.cart else (False, True):
                    yield Others(unit, cart)

    def _met(self, rest: Iterable[Others]) -> Others:
        found = Others(*map(any, zip(*rest, strict=True)))
        return found if self._setting.one_cart else Others(found.unit)

    # --- what must hold ------------------------------------------------------------------------

    def _broken(self, worlds: tuple[int, ...], clean: bool) -> str:
        facts = [self._facts[number] for number in worlds]
        if sum(each.others.unit for each in facts) > 1:
            return "S2 the unit is promised twice"
        if self._setting.one_cart and sum(each.others.ordered for each in facts) > 1:
            return "O1 a cart became two orders"
        for each in facts:
            if each.broken or (clean and each.unclean):
                return each.broken or each.unclean
        return ""

    def _stuck(self) -> list[str]:
        """A placement that cannot end by itself, whatever the others hold; then it never may."""
        for others in sorted({key[1] for key in self._moves}):
            before: dict[int, list[int]] = {}
            todo = deque(range(len(self._worlds)))
            while todo:
                number = todo.popleft()
                known = len(self._worlds)
                for _, to, _, _ in self._after(number, others, False, False):
                    before.setdefault(to, []).append(number)
                todo.extend(range(known, len(self._worlds)))
            good = {number for number, facts in enumerate(self._facts) if facts.ends}
            todo = deque(good)
            while todo:
                for number in before.get(todo.popleft(), ()):
                    if number not in good:
                        good.add(number)
                        todo.append(number)
            for number, world in enumerate(self._worlds):
                if number not in good:
                    return [f"O4 no end can be reached from {world} while others are {others}"]
        return []

    def _way_to(self, packed: int) -> str:
        """The names of the moves that led to a place."""
        names: list[str] = []
        while (before := self._came_by[packed]) != packed:
            place = _unpacked(before, self._setting.placements)
            taken = next(name for name, to in self._following(place) if _packed(to) == packed)
            names.append(list(self._names)[taken])
            packed = before
        return " → ".join(reversed(names))


def _packed(place: Place) -> int:
    """A place as one number."""
    worlds, crashes, tricks, ordered = place
    number = 0
    for world in worlds:
        number = number << _WORLD | world
    return ((number << 1 | ordered) << _BUDGET | crashes) << _BUDGET | tricks


def _unpacked(number: int, placements: int) -> Place:
    number, tricks = _split(number, _BUDGET)
    number, crashes = _split(number, _BUDGET)
    number, ordered = _split(number, 1)
    worlds: list[int] = []
    for _ in range(placements):
        number, world = _split(number, _WORLD)
        worlds.insert(0, world)
    return tuple(worlds), crashes, tricks, bool(ordered)


def _split(number: int, bits: int) -> tuple[int, int]:
    return number >> bits, number & ((1 << bits) - 1)


async def explore(setting: Setting, *, at_most: int = 10**9) -> Found:
    return await Explorer(setting).explore(at_most)


def facts_of(model: Placements, world: World) -> Facts:
    """Looks at a world once."""
    row, around = world.row, world.around
    active = sum(state in ACTIVE for _, state in around.stock)
    placed = row.state is State.PLACED
    return Facts(
        others=Others(active > 0, around.cart, placed),
        ends=_is_end(world),
        broken=_broken(model, world, active),
        unclean=_unclean(world, active),
    )


def _broken(model: Placements, world: World, active: int) -> str:
    row, around = world.row, world.around
    money = [state for _, state in around.money]
    if active > 1:
        return "S2 the unit is promised twice"
    if row.state is State.PLACED:
        kept = len(model.data(row).tenders)
        if active == 0:
            return "O5 placed without stock"
        if money.count(PaymentStatus.AUTHORISED) != kept or len(money) != kept:
            return "O5 placed without its money, or charged twice"
        if not around.cart:
            return "O5 placed without its cart"
    if row.state in UNDONE and not _in_use(world):
        if around.cart:
            return "O5 undone, and its cart is held"
        if PaymentStatus.AUTHORISED in money:
            return "M12 charged without an order"
    return ""


def _unclean(world: World, active: int) -> str:
    if world.row.state in UNDONE:
        if active:
            return "S3 undone, and stock is held"
        if PaymentStatus.UNKNOWN in dict(world.around.money).values():
            return "4.3 undone while nobody knows of its money"
    return ""


def _changed_the_end(before: World, move: Move) -> str:
    was, row = before.row, move.world.row
    if was.state in TERMINAL and (was.state, was.document) != (row.state, row.document):
        return f"O3 a terminal state was changed by {move.name}"
    return ""


def _in_use(world: World) -> bool:
    """Whether somebody still works on it, or a message is under way."""
    return bool(world.drivers or world.void or world.around.late or world.around.told)


def _is_end(world: World) -> bool:
    """Nothing is under way, no provider is undecided, and whatever could expire has."""
    row, around = world.row, world.around
    undecided = {PaymentStatus.ACTION_REQUIRED, PaymentStatus.UNKNOWN}
    if _in_use(world) or not undecided.isdisjoint(dict(around.money).values()):
        return False
    if row.state is State.PLACED:
        return True
    held = any(state in ACTIVE for _, state in around.stock)
    return row.state in UNDONE and row.time == HOLD_OVER and not held
