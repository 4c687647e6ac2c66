"""What the suites over procedures share."""

import copy
from typing import ClassVar

import grpc
import pytest
from google.protobuf.message import Message

from comptoir_testing.examples import Example, Examples, example_of
from comptoir_testing.harness import Outcome, ServiceHarness
from comptoir_testing.procedures import Procedure, procedures_of
from comptoir_testing.registry import service_for
from comptoir_testing.snapshot import Snapshot


class ProcedureSuite:
    """A test class whose tests run once per procedure they apply to."""

    examples: ClassVar[Examples]

    @classmethod
    def applies_to(cls, procedure: Procedure) -> bool:
        """Whether the tests of the suite make sense for this procedure."""
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Hand each test its procedures, found from the protos of the service under test."""
        if "procedure" in metafunc.fixturenames:
            service = service_for(metafunc.definition.path)
            found = [each for each in procedures_of(service.name) if self.applies_to(each)]
            metafunc.parametrize("procedure", found, ids=str)

    def example(self, procedure: Procedure) -> Example:
        """The service's example of the procedure."""
        return example_of(procedure, self.examples)

    async def arranged(
        self, procedure: Procedure, harness: ServiceHarness
    ) -> tuple[Message, str | None]:
        """A valid request of a unary procedure, its preconditions arranged, and the caller."""
        example = self.example(procedure)
        request = await example.request(harness)
        assert isinstance(request, Message), f"the example of {procedure} must be one request"
        return request, example.bearer(harness.tokens)


def changed(message: Message, **fields: object) -> Message:
    """A copy with these scalar fields set."""
    other = copy.deepcopy(message)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def accepted(procedure: Procedure, outcome: Outcome) -> bytes:
    """The bytes of the answer to an example, which has to be accepted."""
    assert outcome.status is grpc.StatusCode.OK, (
        f"the example of {procedure} was refused: {outcome}"
    )
    return outcome.body


def refused(outcome: Outcome, status: grpc.StatusCode, reason: str) -> None:
    """Assert that a call was refused in exactly this way."""
    assert (outcome.status, outcome.reason) == (status, reason), f"answered {outcome}"


def unchanged(before: Snapshot, after: Snapshot, what: str) -> None:
    """Assert that the service's data are the same."""
    changes = before.changes_to(after)
    assert not changes, f"{what} changed the service's data:\n{changes}"
