"""Changes that those who buy or sell want to hear of."""

from __future__ import annotations

import pytest

from comptoir_inventory.domain.stock import Changed, Level, Turn, turn


def change(before: int, after: int, low_stock: int = 0) -> Changed:
    return Changed(Level("A", "x", after, 0, 0, 1, low_stock=low_stock), before)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (change(5, 0), Turn.OUT),
        (change(5, 0, low_stock=3), Turn.OUT),
        (change(0, 1), Turn.BACK),
        (change(5, 3, low_stock=3), Turn.LOW),
        (change(3, 2, low_stock=3), None),
        (change(2, 4, low_stock=3), None),
        (change(5, 4), None),
        (change(0, 0), None),
    ],
)
def test_a_turn_is_told_when_it_is_taken(changed: Changed, expected: Turn | None) -> None:
    assert turn(changed) is expected
