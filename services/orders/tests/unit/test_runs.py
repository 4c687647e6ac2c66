"""Under which keys a placement asks, whoever began it."""

from datetime import UTC, datetime

from comptoir_orders.domain.placement import State
from comptoir_orders.domain.processes import Intent, Kind, PlacementData
from comptoir_orders.operations.runs import Run
from comptoir_orders.store import processes
from comptoir_runtime.idempotency import RequestKey

NOW = datetime(2026, 1, 1, tzinfo=UTC)
INTENT = Intent("crt_1", "", "shown", (), "", "", "cus_1", "")


def run_of(data: PlacementData) -> Run:
    asked = RequestKey("", "cus_1", "r", b"")
    saved = processes.new(Kind.PLACEMENT, asked, "ord_1", State.SOURCED, data, NOW, NOW)
    return Run(saved, State.SOURCED, data)


class TestReserveKey:
    def test_another_plan_and_another_channel_are_other_requests(self) -> None:
        run = run_of(PlacementData(INTENT, channel="web", plan_number=2))
        assert run.reserve_key == f"{run.saved.id}/reserve/2/web"

    def test_f33_what_an_older_replica_asked_for_is_asked_for_again(self) -> None:
        """Under another key it would be held twice, and the last unit found sold to ourselves."""
        run = run_of(PlacementData(INTENT))
        assert run.reserve_key == f"{run.saved.id}/reserve/1"
