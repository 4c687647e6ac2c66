import asyncio
import logging

import pytest

from comptoir_runtime.supervision import supervise, supervised


class TestSupervise:
    async def test_starts_again_after_an_error_until_the_work_returns(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        runs = 0

        async def work() -> None:
            nonlocal runs
            runs += 1
            if runs < 3:
                raise RuntimeError("broken")

        with caplog.at_level(logging.ERROR):
            await supervise(work, first_pause=0.001)
        assert runs == 3
        assert [record.__dict__["pause"] for record in caplog.records] == [0.001, 0.002]

    async def test_work_ends_with_the_block_and_may_clean_up(self) -> None:
        ended = []

        async def work() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                ended.append("cleaned up")

        async with supervised([work]):
            await asyncio.sleep(0)
        assert ended == ["cleaned up"]
