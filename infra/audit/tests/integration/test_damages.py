"""For each invariant something that breaks it, which must be found and named: no more, no less."""

from datetime import UTC, datetime, timedelta

import pytest

from comptoir_audit.audit import audit
from comptoir_audit.invariants import ALL
from infra.audit.tests.damages import DAMAGES, Damage
from infra.audit.tests.integration.world import World

# The first waits for six migrations, on a machine that may be busy.
pytestmark = pytest.mark.timeout(480)

# An id tells when its thing was made: this one long ago.
_A_CENT_MORE_LONG_AGO = (
    "UPDATE fulfilment SET goods = goods + 1 WHERE id = 'ful_sold';\n"
    "UPDATE process SET id = 'sal_00sold' WHERE id = 'sal_sold'"
)


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

    @pytest.mark.parametrize("invariant", ["M4", "M5", "M7", "S8", "O1", "O5.failed", "E1"])
    async def test_what_has_changed_since_is_enough(self, world: World, invariant: str) -> None:
        damage = next(each for each in DAMAGES if each.invariant == invariant)
        since = datetime.now(UTC) - timedelta(hours=1)
        async with world.broken(damage.sql, damage.journal) as connections:
            report = await audit(connections, since=since, pause=timedelta())

        found = [(each.invariant, each.ids) for each in report.findings]
        assert damage.findings[0] in found

    async def test_what_has_not_changed_is_left_to_the_full_pass(self, world: World) -> None:
        async with world.broken({"orders": _A_CENT_MORE_LONG_AGO}) as connections:
            whole = await audit(connections, pause=timedelta())
            recent = await audit(connections, since=datetime.now(UTC), pause=timedelta())

        assert [each.ids for each in whole.findings] == [("ord_sold", "26-000004")]
        assert recent.findings == ()

    def test_there_is_one_for_each_invariant(self) -> None:
        seen = {each.invariant.split("-")[0] for each in DAMAGES}
        # One producer and consumer stand for all: they differ in their names only.
        assert {each.id.split("-")[0] for each in ALL if not each.id.startswith("E2.")} <= seen
        assert {"E2.orders", "E2.customers", "E2.published"} <= seen
