"""Amounts that another shop system's scenarios expect (see SOURCE.md beside the data)."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.cart.tests.scenarios import DoesNotMapError, Shop

# Beside the checkout, where there is one: the data are not part of the repository.
DATA = Path(__file__).resolve().parents[5] / "shared/data/promotion-scenarios/scenarios.json"
MAPPED = 42


def _scenarios() -> list[Any]:
    if not DATA.is_file():
        return []
    found = []
    for feature in json.loads(DATA.read_text()):
        for scenario in feature["scenarios"] if "/admin/" not in feature["file"] else ():
            steps = [*feature["background"], *scenario["steps"]]
            if _maps(steps):
                name = f"{Path(feature['file']).stem}: {scenario['title']}"
                found.append(pytest.param(steps, id=name))
    return found


def _maps(steps: list[str]) -> bool:
    try:
        Shop().play(steps)
    except DoesNotMapError:
        return False
    except AssertionError:
        pass  # it maps: the test will tell what is wrong
    return True


SCENARIOS = _scenarios()
needs_data = pytest.mark.skipif(not DATA.is_file(), reason="shared/data is not beside the checkout")


@needs_data
@pytest.mark.parametrize("steps", SCENARIOS)
def test_the_expected_amounts_come_out(steps: list[str]) -> None:
    Shop().play(steps)


@needs_data
def test_no_scenario_has_stopped_to_map() -> None:
    assert len(SCENARIOS) == MAPPED
