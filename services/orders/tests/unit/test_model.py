"""The model of placements in a small size, and proof that it can see what it looks for.

`python -m services.orders.tests.model` explores more, and prints how much.
"""

from dataclasses import replace
from typing import Any

import pytest

from comptoir_orders.domain.placement import MOVES, Outcome, State
from services.orders.tests.model.explore import explore
from services.orders.tests.model.worlds import Moves, Setting

SMALL = Setting(crashes=0, tricks=0, calling_off=False)

TABS = {"one_cart": True, "crowd": True}


def moved(state: State, outcome: Outcome, to: State) -> Moves:
    """The table with one entry changed."""
    return {**MOVES, state: {**MOVES[state], outcome: to}}


class TestPlacements:
    @pytest.mark.parametrize(
        "setting",
        [
            SMALL,
            replace(SMALL, calling_off=True, crowd=False),
            replace(SMALL, one_cart=True),
            replace(SMALL, crashes=1),
            replace(SMALL, crowd=False, crashes=1, tricks=1, calling_off=True),
        ],
        ids=[
            "in a crowd",
            "called off",
            "two tabs",
            "a crash",
            "alone, with a crash, a trick and called off",
        ],
    )
    async def test_nothing_that_may_happen_breaks_an_invariant(self, setting: Setting) -> None:
        found = await explore(setting)

        assert found.violations == []
        assert found.states > 800
        assert found.ends > 5


class TestTheModelCanSee:
    @pytest.mark.parametrize(
        ("broken", "sees"),
        [
            ({"moves": moved(State.UNKNOWN, Outcome.LATE, State.RELEASING)}, "4.3"),
            ({"moves": moved(State.ACTION_REQUIRED, Outcome.LATE, State.UNLOCKING)}, "S3"),
            ({"moves": moved(State.VOIDING, Outcome.DONE, State.UNLOCKING)}, "S3"),
            ({"moves": moved(State.RELEASING, Outcome.DONE, State.FAILED)}, "O5"),
            ({"moves": moved(State.SOURCED, Outcome.LOST, State.UNLOCKING)}, "S3"),
            ({"moves": moved(State.VOIDING, Outcome.LOST, State.RELEASING)}, "4.3"),
            (
                {"moves": moved(State.CREATED, Outcome.PARTLY, State.FAILED), **TABS, "crashes": 1},
                "O5",
            ),
            ({"fenced": False, "crashes": 1}, "O"),
            ({"hears": False, "tricks": 1}, "M12"),
            ({"moves": moved(State.AUTHORISED, Outcome.LATE, State.PLACED)}, "O5"),
            ({"moves": moved(State.STOCK_HELD, Outcome.DONE, State.STOCK_KEPT)}, "O5"),
        ],
        ids=[
            "money that is not given up when nobody knows of it",
            "stock that is not released after the payer was late",
            "stock that is forgotten after the money",
            "a cart that is never unlocked",
            "stock that is not released when its answer was lost",
            "an end while nobody knows of the money",
            "a lock that may arrive after the end",
            "a driver that was overtaken and still writes",
            "money that turns up after the end",
            "an order on stock that was held too long ago",
            "an order on stock that is only held, whose news are late",
        ],
    )
    async def test_it_finds(self, broken: dict[str, Any], sees: str) -> None:
        found = await explore(replace(SMALL, **{"crowd": False, **broken}))

        (violation,) = found.violations
        assert violation.startswith(sees), violation
