"""F5 to F14: NATS is away, forgets, repeats itself or is full, and no event is lost."""

import asyncio
import contextlib
import time

import nats
from nats.js import JetStreamContext
from nats.js.api import StreamConfig
from nats.js.errors import BadRequestError

from comptoir_runtime.event_options import Kind, stream_name
from tests.faults.books import rows
from tests.faults.buyers import Buyer
from tests.faults.judge import until_quiet
from tests.faults.scene import FAULT, FULL, Scene
from tests.faults.world import World, until

pytestmark = FAULT

FACTS_OF_ORDERS = stream_name("orders", Kind.FACT)
_QUARANTINED = "SELECT subject FROM dead_letter WHERE state = 'quarantined'"
_POISON_SECONDS = 900  # eight deliveries, the last ones two minutes apart


class Stream:
    """JetStream as an operator with too many rights sees it."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __aenter__(self) -> JetStreamContext:
        self._client = await nats.connect(self._world.nats.url)
        return self._client.jetstream()

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()


async def resize(stream: JetStreamContext, **changes: int) -> None:
    """Changes the limits of the orders' facts."""
    config = (await stream.stream_info(FACTS_OF_ORDERS)).config
    await stream.update_stream(StreamConfig(**{**config.__dict__, **changes}))


async def make_frail(stream: JetStreamContext) -> None:
    """Takes the place of the orders' stream by one from which messages can be deleted.

    No right allows that with a stream that a service has made; a broken disk does not ask.
    """
    config = (await stream.stream_info(FACTS_OF_ORDERS)).config
    config.deny_delete = config.deny_purge = False
    before = await consumers_of_orders(stream)
    made = None
    while made is None:
        await stream.delete_stream(FACTS_OF_ORDERS)
        with contextlib.suppress(BadRequestError):  # its service was faster
            made = await stream.add_stream(config)

    async def all_are_back() -> bool:
        return await consumers_of_orders(stream) >= before

    await until("the consumers have noticed", all_are_back)


async def consumers_of_orders(stream: JetStreamContext) -> set[str]:
    """Who takes the facts of orders."""
    return {each.name for each in await stream.consumers_info(FACTS_OF_ORDERS)}


async def buy(scene: Scene, number: int, buyer: Buyer | None = None) -> None:
    """So many orders, one after the other, of one buyer."""
    buyer = buyer or scene.buyer()
    for turn in range(number):
        told = await buyer.purchase(scene.skus[turn % len(scene.skus)])
        assert told["state"] == "STATE_PLACED", told


class TestOutages:
    async def test_f5_orders_are_placed_while_nats_is_down_and_the_news_follow(
        self, scene: Scene
    ) -> None:
        scene.world.stop_nats()
        await buy(scene, 6)
        scene.world.start_nats()

        assert (await scene.verdict()).findings == []

    async def test_f6_consumers_resume_after_each_restart_of_nats(self, scene: Scene) -> None:
        end = time.monotonic() + (600 if FULL else 8)
        crowd = scene.crowd(4)
        shopping = asyncio.create_task(crowd.shop(lambda: time.monotonic() < end))
        for _ in range(100 if FULL else 3):
            await asyncio.sleep(1)
            scene.world.stop_nats()
            scene.world.start_nats()
        await shopping

        assert (await scene.verdict()).findings == []

    async def test_f7_what_a_rolled_back_store_has_lost_is_published_again(
        self, scene: Scene
    ) -> None:
        await buy(scene, 2)
        await until_quiet(scene.world)
        scene.world.stop_nats()
        kept = scene.world.keep_nats_store()
        scene.world.start_nats()
        await buy(scene, 4)
        await until_quiet(scene.world)
        scene.world.stop_nats()
        scene.world.replace_nats_store(kept)
        scene.world.start_nats()
        await buy(scene, 2)

        assert (await scene.verdict()).findings == []

    async def test_f7_a_roll_back_that_loses_facts_nobody_has_taken_in_loses_none(
        self, scene: Scene
    ) -> None:
        buyer = scene.buyer()
        await buy(scene, 1, buyer)
        await until_quiet(scene.world)
        scene.world.stop_nats()
        kept = scene.world.keep_nats_store()
        scene.world.start_nats()
        # Its facts wait in the stream that is going to be lost.
        await scene.world.kill(*scene.world.replicas("customers"))
        await buy(scene, 4, buyer)
        scene.world.stop_nats()
        scene.world.replace_nats_store(kept)
        scene.world.start_nats()
        await scene.world.start(*scene.world.replicas("customers"))

        assert (await scene.verdict()).findings == []

    async def test_f8_a_wiped_store_is_filled_again_from_the_outboxes(self, scene: Scene) -> None:
        buyer = scene.buyer()
        await buy(scene, 2, buyer)
        await scene.world.kill(*scene.world.replicas("customers"))
        await buy(scene, 3, buyer)
        scene.world.stop_nats()
        scene.world.replace_nats_store(None)
        scene.world.start_nats()
        await scene.world.start(*scene.world.replicas("customers"))
        await buy(scene, 2)

        assert (await scene.verdict()).findings == []

    async def test_f9_holes_in_the_middle_of_a_stream_are_found_and_filled(
        self, scene: Scene
    ) -> None:
        buyer = scene.buyer()
        async with Stream(scene.world) as stream:
            await make_frail(stream)
        await buy(scene, 1, buyer)
        await until_quiet(scene.world)
        await scene.world.kill(*scene.world.replicas("customers"))
        await buy(scene, 6, buyer)
        async with Stream(scene.world) as stream:

            async def all_are_stored() -> bool:
                info = await stream.consumer_info(FACTS_OF_ORDERS, "customers")
                return (info.num_pending or 0) >= 6

            await until("the relay has published", all_are_stored)
            last = (await stream.stream_info(FACTS_OF_ORDERS)).state.last_seq
            for sequence in (last - 4, last - 2, last - 1):
                await stream.delete_msg(FACTS_OF_ORDERS, sequence)
        await scene.world.start(*scene.world.replicas("customers"))
        await buy(scene, 1)

        assert (await scene.verdict()).findings == []


class TestRepetitions:
    async def test_f10_lost_acknowledgements_of_the_broker_have_no_effect(
        self, scene: Scene
    ) -> None:
        assert await struck(scene, "publish.after:error:50%")
        assert (await scene.verdict()).findings == []

    async def test_f11_messages_stored_twice_have_one_effect(self, scene: Scene) -> None:
        assert await struck(scene, "publish.after:dup:60%")
        assert (await scene.verdict()).findings == []

    async def test_f12_events_delivered_again_while_they_are_handled_have_one_effect(
        self, scene: Scene
    ) -> None:
        async with Stream(scene.world) as stream:
            config = (await stream.consumer_info(FACTS_OF_ORDERS, "customers")).config
            patient, config.ack_wait = config.ack_wait, 1
            await stream.add_consumer(FACTS_OF_ORDERS, config)
            scene.world.arm("customers", "commit.before.OrderPlaced:delay=4")
            await buy(scene, 3)
            assert (await scene.verdict()).findings == []
            config.ack_wait = patient
            await stream.add_consumer(FACTS_OF_ORDERS, config)
        assert scene.world.fired("customers") == ["commit.before.OrderPlaced"]


class TestBadDays:
    async def test_f13_a_poisonous_message_holds_nobody_up(self, scene: Scene) -> None:
        async with Stream(scene.world) as stream:
            for number, content in enumerate((b"\xff\xff\xff", b"")):
                headers = {
                    "ce-id": f"00000000-0000-7000-8000-{time.time_ns() % 10**12:012d}",
                    "ce-type": "comptoir.orders.v1.OrderPlaced",
                    "Comptoir-Sequence": "0",
                    "Comptoir-Previous-Sequence": "0",
                }
                subject = f"comptoir.orders.v1.OrderPlaced.poison{number}"
                scene.night.poisoned.add(subject)
                await stream.publish(subject, content, headers=headers if content else None)
        await buy(scene, 4)
        assert (await scene.verdict()).findings == []
        if FULL:
            # Three services subscribe to the type; each puts the message aside with its reason.
            await until("the poison is in quarantine", lambda: self._aside(scene), _POISON_SECONDS)
            assert (await scene.verdict()).findings == []

    @staticmethod
    async def _aside(scene: Scene) -> bool:
        aside = {
            service
            for service in ("cart", "customers", "inventory")
            for row in await rows(scene.world, service, _QUARANTINED)
            if row["subject"] in scene.night.poisoned
        }
        return len(aside) == 3

    async def test_f14_a_full_stream_refuses_and_the_outbox_keeps(self, scene: Scene) -> None:
        await until_quiet(scene.world)
        async with Stream(scene.world) as stream:
            state = (await stream.stream_info(FACTS_OF_ORDERS)).state
            await resize(stream, max_msgs=state.messages)
            await buy(scene, 5)
            full = (await stream.stream_info(FACTS_OF_ORDERS)).state
            assert full.last_seq == state.last_seq, "what is full takes nothing"
            await resize(stream, max_msgs=-1)

        assert (await scene.verdict()).findings == []


async def struck(scene: Scene, point: str) -> list[str]:
    """Buys while all who publish come to a failpoint; where it struck."""
    services = ("orders", "inventory", "payments", "cart")
    for name in services:
        scene.world.arm(name, point)
    await buy(scene, 8)
    fired = [name for name in services if scene.world.fired(name)]
    scene.world.disarm_all()
    return fired
