"""Examples: what the shared suites need to know of one service."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from google.protobuf.message import Message

from comptoir.events.v1 import events_service_pb2
from comptoir.options.v1 import event_pb2
from comptoir_testing.procedures import Procedure
from comptoir_testing.tokens import TokenFactory

if TYPE_CHECKING:  # The harness imports this module.
    from comptoir_testing.harness import ServiceHarness

type_of_request = Message | list[Message]
Make = Callable[["ServiceHarness"], type_of_request | Awaitable[type_of_request]]


@dataclass(frozen=True, slots=True)
class Example:
    """How one procedure is called successfully.

    `make` arranges what the call needs (a cart to add to, three things to list) and returns the
    request; a list of requests for a client stream. `token` is the caller's; None for a
    procedure that anyone may call.
    """

    make: Make
    token: Callable[[TokenFactory], str] | None = None
    names_owned_thing: bool = True
    """False when an `owner` procedure acts on the caller itself (create a cart, list my orders),
    so that another customer does not touch the example's things but their own."""
    other_body: Callable[[Message], Message] | None = None
    """Another valid body under the same request id; found by changing one field when absent."""

    async def request(self, harness: "ServiceHarness") -> type_of_request:
        """Arrange, and return a new valid request."""
        made = self.make(harness)
        return await made if inspect.isawaitable(made) else made

    def bearer(self, tokens: TokenFactory) -> str | None:
        """The token of the example's caller."""
        return self.token(tokens) if self.token is not None else None


Examples = Mapping[str, Example]


def _replay(_: "ServiceHarness") -> Message:
    return events_service_pb2.ReplayEventsRequest(
        kind=event_pb2.Event.KIND_FACT, first_sequence=1, last_sequence=1
    )


_DEAD_LETTER = """
INSERT INTO dead_letter (id, producer, subject, type, payload, headers, error, deliveries)
VALUES ($1, 'nobody', 'nobody.v1.Thing.key', 'nobody.v1.Thing', '', '{}', 'ValueError: no', 8)"""


async def _put_aside(harness: "ServiceHarness", count: int) -> list[str]:
    """Events of a type that nobody handles any more."""
    ids = [uuid4() for _ in range(count)]
    async with harness.transactions() as session:
        for each in ids:
            await session.execute(_DEAD_LETTER, each)
    return [str(each) for each in ids]


async def _dead_letters(harness: "ServiceHarness") -> Message:
    await _put_aside(harness, 3)
    return events_service_pb2.ListDeadLettersRequest()


async def _a_dead_letter(harness: "ServiceHarness") -> Message:
    first, _ = await _put_aside(harness, 2)
    return events_service_pb2.RedriveDeadLetterRequest(request_id=str(uuid4()), id=first)


async def _a_useless_letter(harness: "ServiceHarness") -> Message:
    first, _ = await _put_aside(harness, 2)
    return events_service_pb2.DiscardDeadLetterRequest(
        request_id=str(uuid4()), id=first, reason="the thing is gone"
    )


def _on_duty(tokens: TokenFactory) -> str:
    return tokens.staff("events.replay")


# What the runtime offers in every service needs no example of the service's own.
COMMON: Examples = {
    "ReplayEvents": Example(_replay, token=_on_duty),
    "ListDeadLetters": Example(_dead_letters, token=_on_duty),
    "RedriveDeadLetter": Example(_a_dead_letter, token=_on_duty),
    "DiscardDeadLetter": Example(_a_useless_letter, token=_on_duty),
}


def example_of(procedure: Procedure, examples: Examples) -> Example:
    """The example of a procedure; an assertion error naming what to add when there is none."""
    example = examples.get(procedure.name) or COMMON.get(procedure.name)
    assert example is not None, (
        f"{procedure.path} has no example: add "
        f'"{procedure.name}": Example(...) to the `examples` of this suite'
    )
    return example
