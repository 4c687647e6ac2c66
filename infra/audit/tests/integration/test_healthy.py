"""A healthy world gives counts, and nothing else."""

import pytest

from comptoir_audit.audit import audit
from comptoir_audit.invariants import ALL
from infra.audit.tests.integration.world import World

pytestmark = pytest.mark.timeout(480)


class TestHealthyWorld:
    async def test_everything_is_looked_at_and_nothing_differs(self, world: World) -> None:
        async with world.broken({}) as connections:
            report = await audit(connections)

        assert report.findings == ()
        assert report.skipped == {}
        assert report.counts.keys() == {each.id for each in ALL}
        # Nothing waits to be published in a world that is at rest.
        idle = {name for name, count in report.counts.items() if not count}
        assert idle == {"E2.published"}
