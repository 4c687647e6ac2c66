"""What each service may say and hear on a real NATS server: what its code needs, nothing else."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from nats.aio.client import Client

from comptoir_local.certificates import Authority
from comptoir_local.conversation import parts
from comptoir_local.embedded import EmbeddedNats
from comptoir_local.nats_users import ADMINISTRATOR, as_configuration, as_helm_values, users
from comptoir_local.stack import SERVICES
from comptoir_runtime.bus import ApiError, Bus, BusUnavailable, streams
from comptoir_runtime.bus.permissions import Part
from comptoir_runtime.bus.pull import Pull
from comptoir_runtime.event_options import Kind
from comptoir_runtime.tls import Certificates

PARTS = {part.service: part for part in parts()}
NAMES = sorted(PARTS)
OWNERS = [name for name in NAMES if PARTS[name].owns]


@pytest.fixture(scope="module")
def nats_with_users() -> Iterator[EmbeddedNats]:
    with (
        tempfile.TemporaryDirectory(prefix="comptoir-nats-") as folder,
        EmbeddedNats(Path(folder), fsync=False, users=users) as server,
    ):
        yield server


@pytest.fixture(scope="module")
def with_streams(nats_with_users: EmbeddedNats) -> EmbeddedNats:
    """Each owner has made its streams itself, and put one event of each type into them."""
    asyncio.run(_fill(nats_with_users))
    return nats_with_users


async def _fill(server: EmbeddedNats) -> None:
    for name in OWNERS:
        async with bus_of(server, name) as bus:
            for kind in (Kind.FACT, Kind.STATE):
                types = [each for each in PARTS[name].owns if each.kind is kind]
                if types:
                    await streams.ensure(bus, name, kind, types)
            stream = bus.client.jetstream()
            for each in PARTS[name].owns:
                if each.kind is not Kind.SIGNAL:
                    await stream.publish(each.subject_of("1"), b"event")


@asynccontextmanager
async def bus_of(server: EmbeddedNats, user: str) -> AsyncIterator[Bus]:
    bus = Bus(server.url_of(user), user)
    bus.start()
    async with asyncio.timeout(20):
        await bus.connected()
    try:
        yield bus
    finally:
        await bus.close()


class Trial:
    """One connection as a user, and what the server lets it do."""

    def __init__(self, client: Client, heard: "asyncio.Queue[str]") -> None:
        self.client = client
        self._heard = heard
        self._number = 0

    @classmethod
    @asynccontextmanager
    async def of(cls, server: EmbeddedNats, user: str) -> AsyncIterator["Trial"]:
        heard: asyncio.Queue[str] = asyncio.Queue()

        async def note(error: Exception) -> None:
            heard.put_nowait(str(error).lower())

        client = Client()
        await client.connect(server.url_of(user), error_cb=note, allow_reconnect=False)
        yield cls(client, heard)
        await client.close()

    async def may_publish(self, subjects: Iterable[str]) -> set[str]:
        """Those of the subjects that the user may publish to."""
        wanted = sorted(subjects)
        for subject in wanted:
            await self.client.publish(subject, b"")
        refused = await self._refusals()
        return {each for each in wanted if f'publish to "{each.lower()}"' not in refused}

    async def may_hear(self, subjects: Iterable[str]) -> set[str]:
        """Those of the subjects that the user may subscribe to."""
        wanted = sorted(subjects)
        made = [await self.client.subscribe(subject) for subject in wanted]
        refused = await self._refusals()
        for subscription in made:
            await subscription.unsubscribe()
        return {each for each in wanted if f'subscription to "{each.lower()}"' not in refused}

    async def _refusals(self) -> str:
        """All refusals up to that of something nobody may do: they come in order."""
        self._number += 1
        last = f"nobody.may.{self._number}"
        await self.client.publish(last, b"")
        refusals: list[str] = []
        async with asyncio.timeout(30):
            while not refusals or last not in refusals[-1]:
                refusals.append(await self._heard.get())
        return "\n".join(refusals)


def subjects(part: Part, kinds: set[Kind]) -> set[str]:
    return {each.subject_of("1") for each in part.owns if each.kind in kinds}


ALL = set(Kind)


class TestEvents:
    @pytest.mark.parametrize("user", NAMES)
    async def test_a_service_publishes_its_own_events_and_no_others(
        self, with_streams: EmbeddedNats, user: str
    ) -> None:
        every = set().union(*(subjects(part, ALL) for part in PARTS.values()))
        async with Trial.of(with_streams, user) as trial:
            allowed = await trial.may_publish(every)

        assert allowed == subjects(PARTS[user], ALL)

    @pytest.mark.parametrize("user", NAMES)
    async def test_a_service_listens_to_its_signals_and_its_inbox(
        self, with_streams: EmbeddedNats, user: str
    ) -> None:
        every = {each.every_subject for part in PARTS.values() for each in part.owns}
        every |= {f"_INBOX_{name}.>" for name in NAMES} | {"_INBOX.>", ">", "$JS.>", "$SYS.>"}
        every |= {f"{word}.{name}" for word in ("wake", "replay", "replayed") for name in OWNERS}
        part = PARTS[user]
        expected = {f"_INBOX_{user}.>", *(each.every_subject for each in part.hears)}
        expected |= {f"replayed.{each.service}" for each in part.consumes}
        if part.owns:
            expected |= {f"wake.{user}", f"replay.{user}"}
        async with Trial.of(with_streams, user) as trial:
            allowed = await trial.may_hear(every)

        assert allowed == expected
        assert {each.service for each in part.hears} <= {user}

    @pytest.mark.parametrize("user", NAMES)
    async def test_only_the_owner_says_that_events_were_published_again(
        self, with_streams: EmbeddedNats, user: str
    ) -> None:
        async with Trial.of(with_streams, user) as trial:
            told = await trial.may_publish(f"replayed.{name}" for name in OWNERS)

        assert told == ({f"replayed.{user}"} if PARTS[user].owns else set())

    @pytest.mark.parametrize("user", NAMES)
    async def test_events_are_asked_for_again_where_they_are_taken_in(
        self, with_streams: EmbeddedNats, user: str
    ) -> None:
        part = PARTS[user]
        expected = {each.service for each in part.consumes}
        async with Trial.of(with_streams, user) as trial:
            asked = await trial.may_publish(f"replay.{name}" for name in OWNERS)

        expected |= {user} if part.owns else set()
        assert asked == {f"replay.{name}" for name in expected}


def api(verb: str, stream: str) -> str:
    return f"$JS.API.{verb}.{stream}"


class TestStreams:
    @pytest.mark.parametrize("user", NAMES)
    async def test_nobody_deletes_purges_or_changes_what_is_not_its_own(
        self, with_streams: EmbeddedNats, user: str
    ) -> None:
        verbs = ["STREAM.CREATE", "STREAM.UPDATE", "STREAM.DELETE", "STREAM.PURGE"]
        verbs += ["STREAM.MSG.GET", "STREAM.MSG.DELETE", "DIRECT.GET", "CONSUMER.LIST"]
        names = [f"{kind}-{owner}" for kind in ("facts", "state") for owner in OWNERS]
        async with Trial.of(with_streams, user) as trial:
            allowed = await trial.may_publish(
                api(verb, name) for verb in verbs for name in [*names, "made-up"]
            )

        own = {f"{kind}-{user}" for kind in ("facts", "state")} if PARTS[user].owns else set()
        assert allowed == {
            api(verb, name) for verb in ("STREAM.CREATE", "STREAM.UPDATE") for name in own
        }

    @pytest.mark.parametrize("user", NAMES)
    async def test_a_service_reads_the_streams_it_takes_in_or_follows(
        self, with_streams: EmbeddedNats, user: str
    ) -> None:
        part = PARTS[user]
        for stream in sorted(part.durable()):
            types = [each for each in part.consumes if each.stream == stream]
            async with bus_of(with_streams, user) as bus:
                config = {"durable_name": user, "ack_policy": "explicit"}
                await streams.create_consumer(bus, stream, user, types, config)
                expected = {each.subject_of("1") for each in types}
                assert await read(bus, stream, user, len(types)) == expected
        for stream in sorted({each.stream for each in part.follows}):
            types = [each for each in part.follows if each.stream == stream]
            async with bus_of(with_streams, user) as bus:
                config = {"ack_policy": "none"}
                name = streams.name_of_reader(bus)
                await streams.create_consumer(bus, stream, name, types, config)
                expected = {each.subject_of("1") for each in types}
                assert await read(bus, stream, name, len(types)) == expected

    @pytest.mark.parametrize("user", NAMES)
    async def test_nobody_reads_another_stream_or_with_anothers_consumer(
        self, with_streams: EmbeddedNats, user: str
    ) -> None:
        part = PARTS[user]
        followed = {each.stream for each in part.follows}
        if part.owns:
            followed |= {f"facts-{user}", f"state-{user}"}
        consumers = [(name, s) for name, each in PARTS.items() for s in each.durable()]
        taking = {f"$JS.API.CONSUMER.MSG.NEXT.{s}.{name}": name for name, s in consumers}
        taking |= {f"$JS.ACK.{s}.{name}.1.1.1.1.0": name for name, s in consumers}
        changing = {f"$JS.API.CONSUMER.CREATE.{s}.{name}": name for name, s in consumers}
        # Of a stream as a whole, without saying of which type.
        new = {f"$JS.API.CONSUMER.CREATE.{s}.new": s for _, s in consumers}
        async with Trial.of(with_streams, user) as trial:
            allowed = await trial.may_publish([*taking, *changing, *new])

        assert allowed & taking.keys() == {subject for subject in taking if taking[subject] == user}
        assert {changing[subject] for subject in allowed & changing.keys()} <= {user}
        assert {new[subject] for subject in allowed & new.keys()} <= followed

    async def test_a_consumer_of_one_type_takes_no_other(self, with_streams: EmbeddedNats) -> None:
        """pim takes in the keys of customers, and may not learn who the customers are."""
        (keys,) = PARTS["pim"].consumes
        (people,) = (
            each for each in PARTS["customers"].owns if each.name.endswith(".CustomerState")
        )
        config: dict[str, Any] = {"name": "pim", "durable_name": "pim", "ack_policy": "explicit"}
        async with bus_of(with_streams, "pim") as bus:
            await streams.create_consumer(bus, keys.stream, "pim", [keys], config)
            with pytest.raises(BusUnavailable):  # the server does not even listen
                await streams.create_consumer(bus, keys.stream, "pim", [people], config)
            request = {
                "stream_name": keys.stream,
                "config": config | {"filter_subject": people.every_subject},
            }
            with pytest.raises(ApiError):  # says one thing and means another
                await bus.api(streams.creation(keys.stream, "pim", [keys]), request)


async def read(bus: Bus, stream: str, consumer: str, count: int) -> set[str]:
    pull = Pull(bus, stream, consumer, 100)
    await pull.open()
    found: set[str] = set()
    async with asyncio.timeout(20):
        while len(found) < count:
            found |= {message.subject for message in await pull.next()}
    await pull.close()
    return found


class TestConnecting:
    async def test_a_wrong_password_is_refused_and_not_told(
        self, nats_with_users: EmbeddedNats, caplog: pytest.LogCaptureFixture
    ) -> None:
        place = nats_with_users.url.rpartition("@")[2]
        bus = Bus(f"nats://cart:hunter2-is-wrong@{place}", "cart")
        bus.start()
        async with asyncio.timeout(20):
            while "Authorization Violation" not in caplog.text:  # noqa: ASYNC110 - it is a log
                await asyncio.sleep(0.05)
        await bus.close()

        assert not bus.connections
        assert "hunter2" not in caplog.text

    async def test_without_a_certificate_of_the_authority_nobody_gets_in(
        self, tmp_path: Path
    ) -> None:
        authority = Authority()
        server = authority.issue(tmp_path / "nats", "nats")
        cart = Certificates(authority.issue(tmp_path / "cart", "cart"))
        stranger = Certificates(Authority().issue(tmp_path / "stranger", "cart"))
        with EmbeddedNats(tmp_path / "store", fsync=False, certificate=server) as running:
            assert running.url.startswith("tls://")
            bus = Bus(running.url, "cart", cart)
            bus.start()
            async with asyncio.timeout(20):
                await bus.connected()
            await bus.client.flush()
            await bus.close()
            for shown in (None, stranger):
                refused = Bus(running.url, "cart", shown)
                refused.start()
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(2):
                        await refused.connected()
                await refused.close()


class TestConfiguration:
    def test_every_service_has_a_user_whose_password_the_server_is_told(self) -> None:
        text = as_configuration()

        for name in (*(service.name for service in SERVICES), ADMINISTRATOR):
            assert f'"password": $NATS_{name.upper()}_PASSWORD' in text

    def test_the_chart_gets_the_same(self) -> None:
        values = orjson.loads(as_helm_values("users").partition("\n")[2])

        told = values["config"]["merge"]["authorization"]["users"]
        assert told == users(lambda name: f"<< $NATS_{name.upper()}_PASSWORD >>")
        assert values["container"]["env"]["NATS_CART_PASSWORD"] == {
            "valueFrom": {"secretKeyRef": {"name": "users", "key": "cart"}}
        }
