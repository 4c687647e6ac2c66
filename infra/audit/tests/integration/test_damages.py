"""For each invariant something that breaks it, which must be found and named: no more, no less."""

from datetime import timedelta

import pytest

from comptoir_audit.audit import audit
from comptoir_audit.invariants import ALL
from infra.audit.tests.damages import DAMAGES, Damage
from infra.audit.tests.integration.world import World

# The first waits for six migrations, on a machine that may be busy.
pytestmark = pytest.mark.timeout(480)


class TestDamages:
    @pytest.mark.parametrize(
        "damage", DAMAGES, ids=[f"{each.invariant}: {each.what}" for each in DAMAGES]
    )
    async def test_it_is_found_and_named(self, world: World, damage: Damage) -> None:
        async with world.broken(damage.sql, damage.journal) as connections:
            report = await audit(connections, pause=timedelta())

        assert report.skipped == {}
        found = sorted((each.invariant, each.ids) for each in report.findings)
        assert found == sorted(damage.findings), "\n".join(map(str, report.findings))

    def test_there_is_one_for_each_invariant(self) -> None:
        seen = {each.invariant.split("-")[0] for each in DAMAGES}
        # One producer and consumer stand for all: they differ in their names only.
        assert {each.id.split("-")[0] for each in ALL if not each.id.startswith("E2.")} <= seen
        assert {"E2.orders", "E2.customers", "E2.published"} <= seen
