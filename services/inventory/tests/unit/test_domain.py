"""Rules of stock and of promises, with pencil and paper."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_inventory.domain.locations import Location, LocationKind, Wish
from comptoir_inventory.domain.reservations import MOVES, ForbiddenMove, Line, Reservation, State
from comptoir_inventory.domain.stock import (
    MOST_ON_HAND,
    Level,
    Quantity,
    availability,
    first_duplicate,
    summed,
)
from comptoir_runtime.addresses import Address, Point

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LYON = Point(45.7640, 4.8357)
PARIS = Point(48.8566, 2.3522)


def promise(*lines: Line, state: State = State.HELD) -> Reservation:
    return Reservation("rsv_1", "order/1", state, lines, NOW, NOW)


def place(code: str, point: Point | None, *, active: bool = True) -> Location:
    return Location(code, LocationKind.STORE, code, Address(point=point), active=active)


class TestSummed:
    def test_lines_of_one_place_are_added_up_in_lock_order(self) -> None:
        lines = [Quantity("B", "x", 1), Quantity("A", "y", 2), Quantity("B", "x", 3)]
        assert summed(lines) == [Quantity("A", "y", 2), Quantity("B", "x", 4)]

    def test_first_duplicate_is_the_second_mention(self) -> None:
        lines = [Quantity("A", "x", 1), Quantity("A", "y", 1), Quantity("A", "x", 2)]
        assert first_duplicate(lines) == 2
        assert first_duplicate(lines[:2]) is None


class TestAvailability:
    def test_safety_stock_and_promises_are_not_available(self) -> None:
        assert Level("A", "x", 10, 3, 2, 1).available == 5

    def test_a_total_is_no_larger_than_the_contract_can_tell(self) -> None:
        levels = [Level("A", code, MOST_ON_HAND, 0, 0, 1) for code in ("x", "y")]
        locations = {code: place(code, None) for code in ("x", "y")}
        [entry] = availability(["A"], levels, locations, Wish(), NOW)
        assert entry.available == MOST_ON_HAND

    def test_a_level_below_its_safety_stock_has_nothing(self) -> None:
        assert Level("A", "x", 1, 0, 2, 1).available == 0

    def test_a_closed_location_offers_nothing_but_still_counts_for_the_revision(self) -> None:
        levels = [Level("A", "open", 5, 0, 0, 3), Level("A", "shut", 7, 0, 0, 4)]
        locations = {"open": place("open", None), "shut": place("shut", None, active=False)}
        [entry] = availability(["A"], levels, locations, Wish(), NOW)
        assert (entry.available, [level.location for level in entry.levels]) == (5, ["open"])
        assert entry.revision == 7

    def test_levels_come_nearest_first(self) -> None:
        levels = [Level("A", "paris", 1, 0, 0, 1), Level("A", "lyon", 1, 0, 0, 1)]
        locations = {"paris": place("paris", PARIS), "lyon": place("lyon", LYON)}
        [entry] = availability(["A"], levels, locations, Wish(near=LYON), NOW)
        assert [level.location for level in entry.levels] == ["lyon", "paris"]

    def test_an_unknown_sku_has_nothing(self) -> None:
        [entry] = availability(["A"], [], {}, Wish(), NOW)
        assert (entry.sku, entry.available, entry.revision) == ("A", 0, 0)


class TestReservation:
    def test_parts_leave_until_nothing_is_left(self) -> None:
        held = promise(Line("A", "x", 3), state=State.CONFIRMED)
        part = held.consume([Quantity("A", "x", 2)])
        assert (part.state, part.everything_left()) == (State.CONFIRMED, [Quantity("A", "x", 1)])
        assert part.consume([Quantity("A", "x", 1)]).state is State.CONSUMED

    def test_what_left_in_part_and_came_back_in_part_counts_as_consumed(self) -> None:
        part = promise(Line("A", "x", 2)).consume([Quantity("A", "x", 1)])
        assert part.release([Quantity("A", "x", 1)]).state is State.CONSUMED

    @pytest.mark.parametrize("state", [State.CONSUMED, State.RELEASED])
    def test_an_ended_promise_moves_no_more(self, state: State) -> None:
        for target in State:
            with pytest.raises(ForbiddenMove):
                promise(state=state).moved(target)

    @given(st.lists(st.tuples(st.booleans(), st.integers(1, 5)), max_size=30))
    def test_units_are_never_lost_nor_made(self, steps: list[tuple[bool, int]]) -> None:
        held = promise(Line("A", "x", 12))
        for consume, wished in steps:
            units = min(wished, held.left_at(("A", "x")))
            if not units or not MOVES[held.state]:
                continue
            change = [Quantity("A", "x", units)]
            held = held.consume(change) if consume else held.release(change)
            [line] = held.lines
            assert line.left + line.consumed + line.released == 12
            assert (line.left == 0) == (held.state in (State.CONSUMED, State.RELEASED))
