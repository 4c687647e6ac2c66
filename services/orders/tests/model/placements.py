"""One placement, its drivers and what may happen next to it: the moves of the model.

The steps are the service's own: `Placing.outcome` is called with neighbours in memory, its outcome
goes through the table of `domain.placement`, and whether the row is written or parked is asked of
the same functions the driver asks. What is modelled here is only what the database does: rows,
leases, versions, and the one statement that places an order.

Of other placements only what is in the way matters (`Others`), so that the moves of one are worked
out once, whatever the others do.

Versions are not counted: a driver is `current` as long as nobody has taken its row over. Two who
follow the same row and differ in nothing else are one.
"""

from collections.abc import Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from comptoir_orders.clients import PaymentStatus
from comptoir_orders.domain import schedule
from comptoir_orders.domain.placement import (
    FORWARD,
    TERMINAL,
    UNDO,
    Outcome,
    State,
    is_parked,
    is_written,
)
from comptoir_orders.domain.processes import Intent, Kind, PlacementData
from comptoir_orders.operations.placing import Placing
from comptoir_orders.operations.runs import Run
from comptoir_orders.policies.sourcing.fewest_parcels import FewestParcels
from comptoir_orders.store.processes import Process
from comptoir_runtime.database import Transactions
from comptoir_runtime.errors import Failure
from services.orders.tests.model.neighbours import Held, Neighbours, Others, Town, Way
from services.orders.tests.model.worlds import (
    BEGAN,
    HOLD_OVER,
    IN_TIME,
    NOWS,
    UNDONE,
    Driver,
    Move,
    Row,
    Setting,
    Standing,
    Step,
    World,
)

_WAYS = tuple(way for way in Way if way not in (Way.NO, Way.LATE_NO))
_BOUND_TO_WRITE = {State.CART_LOCKED, State.STOCK_KEPT}
_TOO_LATE = _BOUND_TO_WRITE | {State.CREATED, State.SOURCED, State.AUTHORISED}
"""Where a driver asks no more than questions until its next write; `_steps_at` sees to it."""


class Placements:
    """The moves of a setting."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._documents: dict[PlacementData, int] = {}
        self._known: list[PlacementData] = []
        self._ends: dict[int, int] = {}
        self._known_steps: dict[
            tuple[Standing, Neighbours, Others], Sequence[tuple[str, int, Step]]
        ] = {}
        self._town = Town()
        self._clock = _Clock()
        self._placing = Placing(
            cast("Transactions", _OnlyAClock(self._clock)),
            self._town,
            self._town,
            self._town,
            FewestParcels(),
        )
        self._saved = {
            (heard, first): _process(heard, first)
            for heard in (False, True)
            for first in (False, True)
        }

    def first(self) -> World:
        """The placement has just been written, and is driven by whoever wrote it."""
        intent = Intent("crt_1", "", "shown", self.setting.tenders, "", "", "cus_1", "")
        document = self._number_of(PlacementData(intent))
        return World(
            Row(State.CREATED, document), (Driver(State.CREATED, document, True, False, True),)
        )

    def data(self, row: Row) -> PlacementData:
        return self._known[row.document]

    def after(self, world: World, others: Others, crashes: bool, tricks: bool) -> list[Move]:
        """All that may happen next; `crashes` and `tricks` tell whether there are any left."""
        moves: list[Move] = []
        for driver in world.drivers:
            moves += self._driven(world, driver, others, tricks)
            if crashes and driver.current:
                moves += _stopped(world, driver)
        moves += self._to_the_row(world)
        moves += self._messages(world, others)
        moves += self._providers(world, others, tricks)
        return [move._replace(world=self._told_apart(move.world)) for move in moves]

    # --- what makes a difference ---------------------------------------------------------------

    def _told_apart(self, world: World) -> World:
        """The world without what cannot matter any more: worlds that differ in it only are one.

        Where something could only have helped (news that come twice, or of money that is given up
        already), the world without it stands for both.
        """
        row, around, drivers = world.row, world.around, world.drivers
        if self.setting.fenced:
            drivers = tuple(each for each in drivers if not _is_idle(each, row.time))
        if row.state in UNDO:
            row = row._replace(called_off=False)  # it cannot be placed any more
        kept = {payment for payment, state in around.money if state == PaymentStatus.AUTHORISED}
        heard = row.state is State.PLACED or (row.news and row.state not in TERMINAL)
        told = frozenset() if heard else around.told & kept
        void = world.void and any(state != PaymentStatus.ENDED for _, state in around.money)
        return World(row, drivers, around._replace(told=told), void)

    # --- drivers -------------------------------------------------------------------------------

    def _driven(self, world: World, driver: Driver, others: Others, tricks: bool) -> Iterator[Move]:
        row, seen = world.row, set()
        if driver.state is State.STOCK_KEPT and not driver.heard:
            yield Move(driver.state, self._stepped(world, driver, self._place(row, driver, others)))
            return
        at = (driver.state, driver.document, driver.heard, driver.first, row.time)
        for name, costs, step in self._steps_at(at, world.around, others):
            if costs and not tricks:
                continue
            following = self._stepped(world, driver, step)
            if (costs, following) not in seen:
                seen.add((costs, following))
                yield Move(name, following, tricks=costs)

    def _steps_at(
        self, at: Standing, around: Neighbours, others: Others
    ) -> Sequence[tuple[str, int, Step]]:
        """All that may come of a driver's next step, whoever else drives: worked out once."""
        known = self._known_steps.get((at, around, others))
        if known is not None:
            return known
        state, document, heard, first, time = at
        asks = state in (State.STOCK_HELD, State.UNKNOWN)
        steps: dict[tuple[int, Step], str] = {}
        self._clock.moment = NOWS[time]
        for way in Way if state is State.CREATED else _WAYS:
            for says in PaymentStatus if asks else (PaymentStatus.AUTHORISED,):
                self._town.become(around, others, way, says)
                run = Run(self._saved[heard, first], state, self._known[document])
                outcome = _finish(self._placing.outcome(run))
                noted = self._number_of(replace(run.data, refusal=None))
                step = Step(outcome, noted, self._town.frozen())
                costs = int(way in (Way.LATE, Way.TWICE, Way.LATE_NO))
                steps.setdefault((costs, step), f"{state} {way} {says}")
        found = [(name, costs, step) for (costs, step), name in steps.items()]
        if _is_idle(Driver(state, document, False, heard), time):
            assert all(self._asks_and_leaves(state, around, step) for _, _, step in found), at
        self._known_steps[at, around, others] = found
        return found

    def _asks_and_leaves(self, state: State, around: Neighbours, step: Step) -> bool:
        """Whether a step has changed nothing, and its driver has to write before it goes on."""
        to = self.setting.moves[state][step.outcome]
        leaves = is_written(state, to) or is_parked(state, to) or to in TERMINAL
        return leaves and (step.around is None or step.around[:4] == around[:4])

    def _stepped(self, world: World, driver: Driver, step: Step | None) -> World:
        """What a step leaves; without one, its driver has lost the row and goes."""
        if step is None:
            return _without(world, driver)
        row, document = world.row, step.document
        state = self.setting.moves[driver.state][step.outcome]
        if step.around is not None:
            world = world._replace(around=step.around)
        goes_on = is_written(driver.state, state)
        if not (goes_on or is_parked(driver.state, state) or state in TERMINAL):
            return _instead(
                world, driver, driver._replace(state=state, document=document, first=False)
            )
        if self.setting.fenced and not driver.current:
            return _without(world, driver)
        row = row._replace(state=state, document=document, leased=goes_on)
        if state in TERMINAL:  # what does not matter any more is not told apart
            document = self._ended(document)
            late = state in UNDONE and row.news and self.setting.hears
            time = IN_TIME if state is State.PLACED and not _is_held(world) else row.time
            row = Row(state, document, leased=False, time=time)
            world = world._replace(void=world.void or late)
        world = world._replace(row=row)
        if goes_on:
            heard = state not in UNDO and (driver.heard or row.called_off)
            changed = driver._replace(state=state, document=document, heard=heard, first=False)
            return _instead(world, driver, changed)
        return _without(world, driver)

    def _place(self, row: Row, driver: Driver, others: Others) -> Step | None:
        """The one statement; None when the row is somebody else's."""
        document = driver.document
        if self.setting.fenced and not driver.current:
            return None
        if row.called_off and self.setting.heeds:
            called_off = replace(self._known[document], abandoned="no more")
            return Step(Outcome.ABANDONED, self._number_of(called_off), None)
        return Step(Outcome.LATE if others.ordered else Outcome.DONE, document, None)

    # --- the row -------------------------------------------------------------------------------

    def _to_the_row(self, world: World) -> Iterator[Move]:
        row = world.row
        if row.state not in TERMINAL:
            if not row.leased:
                yield Move("taken up", _taken(world))
            if self.setting.calling_off and row.state not in UNDO and not row.called_off:
                told = world._replace(row=row._replace(called_off=True))
                yield Move("called off", told if row.leased else _taken(told))
        if row.state is State.PLACED and not _is_held(world):
            return
        if row.time < HOLD_OVER:
            yield Move("time passes", world._replace(row=row._replace(time=HOLD_OVER)))
        for key, state in world.around.stock if row.time == HOLD_OVER else ():
            if state == Held.HELD:
                stock = _changed(world.around.stock, key, Held.EXPIRED)
                yield Move("hold expires", _around(world, stock=stock))

    # --- messages and providers ----------------------------------------------------------------

    def _messages(self, world: World, others: Others) -> Iterator[Move]:
        for message in world.around.late:
            for says in PaymentStatus if message[0] == "authorise" else (PaymentStatus.ENDED,):
                self._town.become(world.around, others, Way.OK, says)
                self._town.late.discard(message)
                with suppress(Failure):
                    self._town.arrive(message)
                yield Move(f"{message[0]} arrives", world._replace(around=self._town.frozen()))
        for payment in world.around.told:
            heard = _around(world, told=world.around.told - {payment})
            if world.row.state not in TERMINAL:
                heard = heard._replace(row=world.row._replace(news=True))
            elif self.setting.hears and world.row.state in UNDONE:
                heard = heard._replace(void=True)
            yield Move("orders hear of money", heard)

    def _providers(self, world: World, others: Others, tricks: bool) -> Iterator[Move]:
        money = world.around.money
        if world.void and PaymentStatus.UNKNOWN not in dict(money).values():
            ended = tuple((payment, PaymentStatus.ENDED) for payment, _ in money)
            yield Move("money is given up", _around(world, money=ended)._replace(void=False))
        for payment, status in money:
            if status in (PaymentStatus.ACTION_REQUIRED, PaymentStatus.UNKNOWN):
                for decision in (PaymentStatus.ENDED, PaymentStatus.AUTHORISED):
                    yield self._decided(world, others, payment, decision)
            if tricks and status == PaymentStatus.ENDED and world.row.state is not State.PLACED:
                yes = self._decided(world, others, payment, PaymentStatus.AUTHORISED)
                yield yes._replace(name=f"{yes.name} after all", tricks=1)

    def _decided(self, world: World, others: Others, payment: str, status: PaymentStatus) -> Move:
        self._town.become(world.around, others, Way.OK, status)
        self._town.settle(payment, status)
        return Move(f"money is {status}", world._replace(around=self._town.frozen()))

    def _ended(self, document: int) -> int:
        if document not in self._ends:
            self._ends[document] = self._number_of(self._known[document].ended())
        return self._ends[document]

    def _number_of(self, data: PlacementData) -> int:
        number = self._documents.get(data)
        if number is None:
            number = self._documents[data] = len(self._known)
            self._known.append(data)
        return number


class _Clock:
    """Stands still until it is set."""

    moment = BEGAN

    def now(self) -> datetime:
        return self.moment


@dataclass(frozen=True)
class _OnlyAClock:
    """What a step needs of transactions."""

    clock: _Clock


def _finish(steps: Coroutine[Any, Any, Outcome]) -> Outcome:
    """Runs a step to its end; the pauses before it asks again take no time."""
    try:
        while True:
            steps.send(None).set_result(None)
    except StopIteration as end:
        return cast("Outcome", end.value)


def _process(heard: bool, first: bool) -> Process:
    return Process(
        id="plc_1",
        kind=Kind.PLACEMENT,
        caller="cus_1",
        request_id="",
        request_hash=b"",
        order="ord_1",
        state=State.CREATED,
        version=1 if first else 2,
        attempts=0,
        nudges=0,
        serial=1,
        document=None,
        deadline=BEGAN + schedule.FORWARD,
        next_run_at=BEGAN,
        created_at=BEGAN,
        called_off="no more" if heard else None,
    )


def _stopped(world: World, driver: Driver) -> list[Move]:
    """It dies; or it is stopped for longer than its lease, and goes on some time later."""
    free = world._replace(row=world.row._replace(leased=False))
    zombie = _instead(free, driver, driver._replace(current=False))
    return [
        Move(f"{driver.state} dies", _without(free, driver), crashes=1),
        Move(f"{driver.state} is stopped", zombie, crashes=1),
    ]


def _is_idle(driver: Driver, time: int) -> bool:
    """Whether an overtaken driver asks nothing of anybody before a write that is refused."""
    if driver.current:
        return False
    if driver.heard and driver.state in FORWARD:
        return True
    return driver.state in (_BOUND_TO_WRITE if time == IN_TIME else _TOO_LATE)


def _is_held(world: World) -> bool:
    """Whether its stock can still expire."""
    return any(state == Held.HELD for _, state in world.around.stock)


def _taken(world: World) -> World:
    row = world.row
    driver = Driver(row.state, row.document, True, row.called_off)
    drivers = tuple(sorted((*world.drivers, driver)))
    return world._replace(row=row._replace(leased=True), drivers=drivers)


def _changed(pairs: tuple[tuple[str, str], ...], key: str, to: str) -> tuple[tuple[str, str], ...]:
    return tuple((each, to if each == key else state) for each, state in pairs)


def _around(world: World, **changes: Any) -> World:
    return world._replace(around=world.around._replace(**changes))


def _without(world: World, driver: Driver) -> World:
    drivers = list(world.drivers)
    drivers.remove(driver)
    return world._replace(drivers=tuple(drivers))


def _instead(world: World, driver: Driver, other: Driver) -> World:
    rest = _without(world, driver)
    return rest._replace(drivers=tuple(sorted((*rest.drivers, other))))
