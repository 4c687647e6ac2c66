"""Breadth first over everything that may happen, with the invariants looked at in every state.

A state is where each placement is (a number for its `World`) and what is left of the budgets. The
moves of one placement depend on the others only by `Others`; they are worked out once. A second
placement can be followed step by step, or be a crowd that takes the unit and gives it back whenever
it likes: that contains all that a second one, or a tenth, can do to the first, and the budgets are
spent on the first alone.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from comptoir_orders.clients import PaymentStatus
from comptoir_orders.domain.placement import TERMINAL, State
from services.orders.tests.model.neighbours import ACTIVE, Others
from services.orders.tests.model.placements import (
    HOLD_OVER,
    UNDONE,
    Move,
    Placements,
    Setting,
    World,
)

Numbered = tuple[str, int, int, int]
"""A move: its name, the number of the world it leads to, what it costs."""
Place = tuple[tuple[int, ...], int, int, Others]
"""A state: the worlds of the placements, the crashes and tricks that are left, what a crowd has."""
_BREATH = 2000


@dataclass
class Found:
    """What an exploration has seen; it ends with the first violation."""

    states: int = 0
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
        self._moves: dict[tuple[int, Others, bool, bool], list[Numbered]] = {}
        self._broken_move = ""
        self._came_by: dict[Place, tuple[Place, str] | None] = {}

    async def explore(self, at_most: int = 10**8) -> Found:
        """Every state that can be reached. Needs a running loop."""
        setting, found = self._setting, Found()
        first = self._number_of(self._model.first())
        start = ((first,) * setting.placements, setting.crashes, setting.tricks, Others())
        self._came_by[start] = None
        queue = deque([start])
        while queue:
            place = queue.popleft()
            found.states += 1
            worlds, crashes, tricks, _ = place
            found.ends += all(self._facts[number].ends for number in worlds)
            clean = (crashes, tricks) == (setting.crashes, setting.tricks)
            broken = self._broken(worlds, clean)
            for name, following in self._following(place):
                found.transitions += 1
                if following not in self._came_by:
                    self._came_by[following] = (place, name)
                    queue.append(following)
            if broken or self._broken_move:
                found.violations.append(f"{broken or self._broken_move}: {self._way_to(place)}")
                break
            if found.states % _BREATH == 0:
                await asyncio.sleep(0)  # the loop forgets the pauses that took no time
            if len(self._came_by) > at_most:
                raise RuntimeError(f"more than {at_most} states: a smaller setting, please")
        else:
            found.violations += self._stuck()
        found.worlds = len(self._worlds)
        return found

    # --- moves ---------------------------------------------------------------------------------

    def _following(self, place: Place) -> Iterator[tuple[str, Place]]:
        worlds, crashes, tricks, crowd = place
        for turn, number in enumerate(worlds):
            others = self._others(worlds, turn, crowd)
            for name, to, crash, trick in self._after(number, others, crashes > 0, tricks > 0):
                # Placements are alike: only which worlds there are matters.
                together = tuple(sorted((*worlds[:turn], to, *worlds[turn + 1 :])))
                yield name, (together, crashes - crash, tricks - trick, crowd)
        if self._setting.crowd:
            ours = self._facts[worlds[0]].others
            for name, moved in _crowd_moves(crowd, ours, self._setting.one_cart):
                yield name, (worlds, crashes, tricks, moved)

    def _number_of(self, world: World) -> int:
        number = self._numbers.get(world)
        if number is None:
            number = self._numbers[world] = len(self._worlds)
            self._worlds.append(world)
            self._facts.append(facts_of(self._model, world))
        return number

    def _after(self, number: int, others: Others, crashes: bool, tricks: bool) -> list[Numbered]:
        key = (number, others, crashes, tricks)
        moves = self._moves.get(key)
        if moves is None:
            before = self._worlds[number]
            moves = []
            for move in self._model.after(before, others, crashes, tricks):
                self._broken_move = self._broken_move or _changed_the_end(before, move)
                to = self._number_of(move.world)
                moves.append((move.name, to, move.crashes, move.tricks))
            self._moves[key] = moves
        return moves

    def _others(self, worlds: tuple[int, ...], turn: int, crowd: Others) -> Others:
        rest = [self._facts[each].others for each in (*worlds[:turn], *worlds[turn + 1 :])]
        rest.append(crowd)
        unit = any(each.unit for each in rest)
        if not self._setting.one_cart:
            return Others(unit)
        return Others(unit, any(each.cart for each in rest), any(each.ordered for each in rest))

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

    def _way_to(self, place: Place) -> str:
        names: list[str] = []
        came_by = self._came_by[place]
        while came_by is not None:
            names.append(came_by[1])
            came_by = self._came_by[came_by[0]]
        return " → ".join(reversed(names))


def _crowd_moves(crowd: Others, ours: Others, one_cart: bool) -> Iterator[tuple[str, Others]]:
    """Any number of others: they take what is free and give it back, whenever they like."""
    if not ours.unit:
        yield "somebody's unit", crowd._replace(unit=not crowd.unit)
    if one_cart and not ours.cart and not crowd.ordered:
        yield "somebody's lock", crowd._replace(cart=not crowd.cart)
        if crowd.cart:
            yield "somebody's order", crowd._replace(ordered=True)


async def explore(setting: Setting, *, at_most: int = 10**8) -> Found:
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
        return world.announced
    held = any(state in ACTIVE for _, state in around.stock)
    return row.state in UNDONE and row.time == HOLD_OVER and not held
