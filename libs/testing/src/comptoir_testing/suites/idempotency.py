"""A request id makes a call repeatable: the same answer, one effect."""

import grpc

from comptoir_testing.harness import ServiceHarness
from comptoir_testing.procedures import Procedure
from comptoir_testing.suites.base import ProcedureSuite, accepted, refused, unchanged
from comptoir_testing.variation import another_body


class IdempotencySuite(ProcedureSuite):
    """Every procedure that takes one request, with a `request_id`."""

    @classmethod
    def applies_to(cls, procedure: Procedure) -> bool:
        return procedure.takes("request_id") and not procedure.descriptor.client_streaming

    async def test_a_repeated_call_gets_the_same_answer_and_has_one_effect(
        self, procedure: Procedure, harness: ServiceHarness
    ) -> None:
        request, token = await self.arranged(procedure, harness)
        first = accepted(procedure, await harness.outcome(procedure, request, token))
        before = await harness.snapshot()

        second = accepted(procedure, await harness.outcome(procedure, request, token))

        same = second == first  # The bytes themselves would not help a reader.
        assert same, (
            f"answered {procedure.response_type.FromString(first)!r} first, "
            f"{procedure.response_type.FromString(second)!r} when repeated"
        )
        unchanged(before, await harness.snapshot(), "the repetition")

    async def test_another_body_under_the_same_id_is_refused(
        self, procedure: Procedure, harness: ServiceHarness
    ) -> None:
        request, token = await self.arranged(procedure, harness)
        accepted(procedure, await harness.outcome(procedure, request, token))
        make = self.example(procedure).other_body
        other = make(request) if make else another_body(request, keep="request_id")
        assert other is not None, (
            f"no other valid body found for {procedure}: give its example an `other_body`"
        )
        before = await harness.snapshot()

        outcome = await harness.outcome(procedure, other, token)

        refused(outcome, grpc.StatusCode.ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED")
        unchanged(before, await harness.snapshot(), "the refused call")
