"""An etag of yesterday changes nothing today."""

import grpc

from comptoir_testing.harness import ServiceHarness
from comptoir_testing.procedures import Procedure
from comptoir_testing.suites.base import ProcedureSuite, accepted, changed, refused, unchanged

_STALE = "987654321"


class EtagSuite(ProcedureSuite):
    """Every procedure whose request has an `etag`."""

    @classmethod
    def applies_to(cls, procedure: Procedure) -> bool:
        return procedure.takes("etag")

    async def test_a_stale_etag_is_refused(
        self, procedure: Procedure, harness: ServiceHarness
    ) -> None:
        request, token = await self.arranged(procedure, harness)
        before = await harness.snapshot()

        outcome = await harness.outcome(procedure, changed(request, etag=_STALE), token)

        refused(outcome, grpc.StatusCode.ABORTED, "STALE_ETAG")
        unchanged(before, await harness.snapshot(), "the refused call")

    async def test_the_example_itself_is_accepted(
        self, procedure: Procedure, harness: ServiceHarness
    ) -> None:
        request, token = await self.arranged(procedure, harness)

        accepted(procedure, await harness.outcome(procedure, request, token))
