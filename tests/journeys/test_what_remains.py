"""After all the journeys before, good and bad, nobody's books differ from anybody's.

The name comes last in the folder, and so does the test.
"""

from datetime import timedelta

from comptoir_audit.audit import audit
from comptoir_audit.sources import Connections
from comptoir_local.demo.play import Play
from comptoir_local.environment import Surroundings
from tests.journeys.stage import JOURNEY

pytestmark = JOURNEY


class TestWhatRemains:
    async def test_the_auditor_finds_nothing(self, play: Play, surroundings: Surroundings) -> None:
        async with Connections.open(surroundings.audited) as connections:
            report = await audit(
                connections, grace=timedelta(seconds=1), pause=timedelta(seconds=20)
            )

        assert [str(finding) for finding in report.findings] == []
        assert report.skipped == {}
