"""M5, S2, O1 and the promise of the front page: the journey of `make demo`, scene by scene."""

import pytest

from comptoir_local.demo.journey import SCENES, Scene
from comptoir_local.demo.play import Play
from comptoir_local.demo.story import Step
from tests.journeys.stage import JOURNEY

pytestmark = JOURNEY

# By play, which several platforms may have.
_broken: dict[int, str] = {}


class TestDemo:
    @pytest.mark.parametrize(
        ("title", "scene"),
        SCENES,
        ids=[f"{number:02}_{scene.__name__}" for number, (_, scene) in enumerate(SCENES, 1)],
    )
    async def test_scene(self, play: Play, title: str, scene: Scene) -> None:
        if (broken := _broken.get(id(play))) is not None:
            pytest.skip(f"the journey ended before, at: {broken}")
        step = Step(title)
        _broken[id(play)] = title

        await scene(play, step)

        assert step.seen or scene.__name__ == "second_buyer_is_refused"
        del _broken[id(play)]
