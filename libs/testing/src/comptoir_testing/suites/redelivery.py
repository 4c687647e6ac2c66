"""NATS delivers at least once: the second time has no effect."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar
from uuid import uuid4

import pytest
from google.protobuf.message import Message

from comptoir_testing.harness import ServiceHarness
from comptoir_testing.suites.base import unchanged

MakeEvent = Callable[[ServiceHarness], Message | Awaitable[Message]]


class RedeliverySuite:
    """Every handler of every subscription.

    `events` gives, by message type, a factory that arranges what the event needs to have an
    effect and returns the event.
    """

    events: ClassVar[Mapping[type[Message], MakeEvent]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test per event."""
        if "event" in metafunc.fixturenames:
            metafunc.parametrize("event", list(self.events), ids=lambda each: each.DESCRIPTOR.name)

    async def test_every_handler_has_an_event_here(self, harness: ServiceHarness) -> None:
        handled = {each.DESCRIPTOR.full_name for each in harness.handlers}
        given = {each.DESCRIPTOR.full_name for each in self.events}

        assert handled == given, (
            f"handlers without an event in `events`: {sorted(handled - given)}; "
            f"events without a handler: {sorted(given - handled)}"
        )

    async def test_the_second_delivery_has_no_effect(
        self, event: type[Message], harness: ServiceHarness
    ) -> None:
        made = self.events[event](harness)
        message = await made if inspect.isawaitable(made) else made
        event_id = uuid4()
        before = await harness.snapshot(ignoring=frozenset({"inbox"}))
        await harness.deliver(message, event_id=event_id)
        effect = before.changes_to(await harness.snapshot(ignoring=frozenset({"inbox"})))
        assert effect, (
            f"the first {event.DESCRIPTOR.name} had no effect: the example proves nothing"
        )
        after_first = await harness.snapshot()

        await harness.deliver(message, event_id=event_id)

        unchanged(after_first, await harness.snapshot(), "the second delivery")
