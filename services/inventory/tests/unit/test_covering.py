"""Who gets units that have come: with pencil and paper."""

from __future__ import annotations

from comptoir_inventory.domain.covering import Waiting, covered, not_come
from comptoir_inventory.domain.reservations import State


def waiting(position: int, units: int, state: State = State.CONFIRMED) -> Waiting:
    return Waiting(position, f"rsv_{position}", f"order/{position}", state, units)


class TestCovered:
    def test_first_promised_first_covered(self) -> None:
        first, second, third = waiting(1, 2), waiting(2, 3), waiting(3, 1)
        assert covered([first, second, third], 4) == [(first, 2), (second, 2)]

    def test_what_is_only_held_keeps_its_turn_untold(self) -> None:
        held, confirmed = waiting(1, 2, State.HELD), waiting(2, 2)
        assert covered([held, confirmed], 2) == []
        assert covered([held, confirmed], 3) == [(confirmed, 1)]

    def test_nothing_came(self) -> None:
        assert covered([waiting(1, 1)], 0) == []
        assert covered([waiting(1, 1)], -2) == []


class TestNotCome:
    def test_units_that_came_go_to_those_ahead_first(self) -> None:
        assert not_come(own=2, ahead=3, waiting=6, missing=6) == 2
        assert not_come(own=2, ahead=3, waiting=6, missing=3) == 2
        assert not_come(own=2, ahead=3, waiting=6, missing=2) == 1
        assert not_come(own=2, ahead=3, waiting=6, missing=0) == 0

    def test_nothing_came(self) -> None:
        assert not_come(own=2, ahead=0, waiting=2, missing=2) == 2
