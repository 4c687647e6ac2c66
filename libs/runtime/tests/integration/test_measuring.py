"""What is asked of database and bus for those who watch."""

from comptoir_runtime import telemetry
from comptoir_runtime.bus import Subscription
from comptoir_runtime.consumer import consumers
from comptoir_runtime.measuring import Measuring
from comptoir_runtime.telemetry import names
from libs.runtime.tests import sample
from libs.runtime.tests.integration.world import FACTS, World, record, stop

LETTER = """
INSERT INTO dead_letter (id, producer, subject, type, payload, headers, error, deliveries, state)
VALUES (gen_random_uuid(), $1, 's', 't', '', '{}', 'e', 9, $2)"""
A_MINUTE_AGO = "UPDATE outbox SET created_at = now() - interval '1 minute'"


def told(metric: names.Metric, *labels: str) -> float:
    return telemetry.gauge(metric).read()[labels]


class TestMeasuring:
    async def test_what_waits_in_the_outbox_is_counted_until_it_is_published(
        self, world: World
    ) -> None:
        measuring = Measuring(world.database.background, [], [])
        await world.emit(*(sample.ThingHappened(thing_id=str(n)) for n in range(3)))
        async with world.database.transactions() as session:
            await session.execute(A_MINUTE_AGO)

        await measuring.look()

        assert told(names.OUTBOX_DEPTH) == 3
        assert 60 <= told(names.OUTBOX_AGE) < 600
        world.relay()
        await world.until_published()
        await measuring.look()
        assert (told(names.OUTBOX_DEPTH), told(names.OUTBOX_AGE)) == (0, 0)

    async def test_dead_letters_count_while_they_are_in_quarantine(self, world: World) -> None:
        async with world.database.transactions() as session:
            for producer, state in (("a", "quarantined"), ("a", "quarantined"), ("b", "redriven")):
                await session.execute(LETTER, producer, state)

        await Measuring(world.database.background, [], []).look()

        counts = telemetry.gauge(names.DEAD_LETTERS).read()
        assert (counts[("a",)], counts.get(("b",), 0)) == (2, 0)

    async def test_a_consumer_tells_what_its_stream_has_for_it(self, world: World) -> None:
        taking = Subscription(sample.SERVICE, {sample.ThingHappened: record})
        made = consumers(world.bus, world.database, [taking])
        world.relay()
        await world.emit(*(sample.ThingHappened(thing_id=str(n)) for n in range(5)))
        await world.until_published()
        task = world.background(made[0].run())
        await world.until_counts(dict.fromkeys("01234", 1))
        await stop(task)
        await world.emit(sample.ThingHappened(thing_id="5"), sample.ThingHappened(thing_id="6"))
        await world.until_published()

        await Measuring(world.database.background, [], made).look()

        # What the open pull had asked for is delivered, the rest is pending: together it is two.
        assert told(names.CONSUMER_LAG, FACTS) + told(names.CONSUMER_UNACKNOWLEDGED, FACTS) == 2
        consumed = telemetry.counter(names.MESSAGING_CLIENT_CONSUMED_MESSAGES)
        assert consumed.value((FACTS,)) >= 5

    async def test_what_a_service_looks_for_itself_is_asked_with_it(self, world: World) -> None:
        asked = []

        async def look(session: object) -> None:
            asked.append(session)

        await Measuring(world.database.background, [look], []).look()

        assert len(asked) == 1
