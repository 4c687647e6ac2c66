"""Composition: what every service's `__main__` hands over to.

`python -m comptoir_<service>` serves, `python -m comptoir_<service> migrate`
migrates its database, `… events` looks after the events of the one that runs.
"""

import argparse
import asyncio
import functools
import importlib
import logging
import math
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

import grpc
import uvloop
from google.protobuf.descriptor import ServiceDescriptor

from comptoir_runtime import (
    events_service,
    idempotency,
    measuring,
    migrations,
    operating,
    readiness,
    telemetry,
)
from comptoir_runtime.auth import (
    KeyRing,
    ServiceIdentity,
    VerificationKey,
    Verifier,
    keys_of_jwks,
    load_keys,
)
from comptoir_runtime.bus import Bus, Limits, Subscription
from comptoir_runtime.channel import open_channel
from comptoir_runtime.clock import Clock
from comptoir_runtime.consumer import Consumer, consumers
from comptoir_runtime.database import Database, DatabaseSettings, Session, Transactions
from comptoir_runtime.dead_letters import DeadLetters
from comptoir_runtime.errors import DatabaseUnavailable, Failure, Overloaded
from comptoir_runtime.outbox import Relay
from comptoir_runtime.rpc import Binding, Pipeline
from comptoir_runtime.server import Server, alive
from comptoir_runtime.settings import MigrationSettings, Settings, SettingsError, load, readable
from comptoir_runtime.supervision import Work, supervised, unless
from comptoir_runtime.telemetry import event_loop
from comptoir_runtime.tls import Admission, Certificates

S = TypeVar("S", bound=Settings)

DATABASE_WAIT_SECONDS = 30.0
PURGE_INTERVAL_SECONDS = 600.0
# Or all of its connections are in use.
_AWAY = (DatabaseUnavailable, Overloaded)

log = logging.getLogger(__name__)


@dataclass
class Parts:
    """What a service is made of; `background` is long-running and restarted after an error."""

    bindings: list[Binding]
    subscriptions: list[Subscription] = field(default_factory=list)
    background: list[Work] = field(default_factory=list)
    looks: list[measuring.Look] = field(default_factory=list)
    """What only the service knows to ask its database for, to tell its gauges."""
    makes_keys: bool = False
    """Whether this service signs user tokens itself, so that it is ready without their keys."""


class Runtime:
    """What a service builds its parts from."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        bus: Bus,
        keyring: KeyRing,
        identity: ServiceIdentity | None,
        certificates: Certificates | None = None,
    ) -> None:
        self.settings = settings
        self.database = database
        self.bus = bus
        self.keyring = keyring
        self.identity = identity
        self.certificates = certificates
        self._channels: dict[str, grpc.aio.Channel] = {}

    @property
    def transactions(self) -> Transactions:
        return self.database.transactions

    @property
    def clock(self) -> Clock:
        return self.database.clock

    def channel(self, name: str, *services: ServiceDescriptor) -> grpc.aio.Channel:
        """The channel to the neighbour whose address is the setting `<NAME>_TARGET`.

        Of `services`, what is safe to repeat is tried again when the neighbour is unavailable.
        """
        if name not in self._channels:
            target: str = getattr(self.settings, f"{name}_target")
            self._channels[name] = open_channel(
                target, self.identity, services, name=name, certificates=self.certificates
            )
        return self._channels[name]

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()


Build = Callable[[Runtime, S], Awaitable[Parts]]


@dataclass(frozen=True, slots=True)
class Command(Generic[S]):
    """Something a person does to the database of a service, beside those that serve."""

    name: str
    help: str
    run: Callable[[Database, S], Awaitable[str]]
    """What it says was done."""


class Service:
    """One service, running in this process until `stop`."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.settings = settings
        self.runtime: Runtime
        self.parts: Parts
        self.address = ""
        """host:port the server listens on."""
        self._server: Server
        self._stack = AsyncExitStack()

    @classmethod
    async def start(
        cls,
        name: str,
        settings: S,
        build: Build[S],
        *,
        migrations_package: str,
        clock: Clock | None = None,
        trusted_keys: Iterable[VerificationKey] = (),
    ) -> "Service":
        """Starts everything; what was started is stopped again when a later part fails.

        `clock` takes the place of the database's, `trusted_keys` are added to the key ring: both
        for tests.
        """
        service = cls(name, settings)
        async with service._stack:
            await service._open(clock, trusted_keys)
            service.parts = await build(service.runtime, settings)
            await service._serve(service.parts, migrations_package)
            service._stack = service._stack.pop_all()
        return service

    async def leave(self) -> None:
        """Says that it goes, and serves on until callers have heard it."""
        await self._server.leave()
        await asyncio.sleep(self.settings.leave_seconds)

    async def stop(self) -> None:
        """Drains and stops: first the server, then consumers and relay, the connections last."""
        await self._stack.aclose()

    async def _open(self, clock: Clock | None, trusted_keys: Iterable[VerificationKey]) -> None:
        settings, stack = self.settings, self._stack
        certificates = settings.certificates()
        service_keys, identity = keys_of(self.name, settings)
        database = await self._connected(clock)
        stack.push_async_callback(database.close)
        bus = Bus(settings.bus_url, self.name, certificates)
        bus.start()
        stack.push_async_callback(bus.close)
        database.announce_to(bus)
        keyring = KeyRing(
            [*service_keys, *trusted_keys], functools.partial(load_keys, database.transactions)
        )
        self.runtime = Runtime(settings, database, bus, keyring, identity, certificates)
        stack.push_async_callback(self.runtime.close)

    async def _connected(self, clock: Clock | None) -> Database:
        """However long it takes: whoever asks hears meanwhile that the process lives."""
        settings = self.settings
        try:
            return await connect(self.name, settings, clock, patience=0)
        except _AWAY:
            async with alive(settings.health_listen or settings.listen):
                return await connect(self.name, settings, clock, patience=math.inf)

    async def _serve(self, parts: Parts, migrations_package: str) -> None:
        runtime, settings, stack = self.runtime, self.settings, self._stack
        transactions = runtime.transactions
        limits = Limits(settings.nats_replicas, settings.facts_max_bytes)
        relay = Relay(runtime.database, runtime.bus, self.name, limits=limits)
        takers = consumers(runtime.bus, runtime.database, parts.subscriptions)
        dead_letters = DeadLetters(each.inbox for each in takers)
        # Itself, too: whoever is beside it, with its key, operates its events (`operating`).
        admission = Admission((*settings.callers, self.name))
        pipeline = Pipeline(
            self.name,
            transactions,
            Verifier(runtime.keyring),
            runtime.clock,
            admission=admission if runtime.certificates else None,
        )
        server = Server(
            self.name,
            [*parts.bindings, events_service.binding(relay, dead_letters)],
            pipeline,
            listen=settings.listen,
            development=settings.development,
            max_concurrent_rpcs=settings.max_concurrent_rpcs,
            certificates=runtime.certificates,
            health_listen=settings.health_listen,
        )
        checks = {"database": readiness.migrated(transactions, migrations_package)}
        if not parts.makes_keys:
            checks["keys"] = readiness.has_user_keys(runtime.keyring)
        watch = readiness.Readiness(checks, server.set_ready).watch
        purge = functools.partial(_purge, transactions, settings.idempotency_hours)
        taking = [each.run for each in takers]
        work: list[Work] = [relay.run, *taking, *parts.background, watch, purge]
        if telemetry.exporting():
            measured = measuring.Measuring(runtime.database.background, parts.looks, takers)
            work += [measured.run, event_loop.watch]
        await stack.enter_async_context(supervised(work))
        stack.push_async_callback(_stop, takers)
        self._server = server
        self.address = await server.start()
        # Stopped first: callers leave before what serves them does.
        stack.push_async_callback(server.stop, settings.drain_seconds)


def keys_of(name: str, settings: Settings) -> tuple[list[VerificationKey], ServiceIdentity | None]:
    """Those of all services, and the service's own; raises `SettingsError`."""
    listed: list[VerificationKey] = []
    try:
        if settings.service_jwks is not None:
            listed = keys_of_jwks(settings.service_jwks)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"SERVICE_JWKS: {error}") from None
    if settings.service_key is None:
        return listed, None
    try:
        return listed, ServiceIdentity.from_pem(name, settings.service_key, listed)
    except (OSError, ValueError, TypeError) as error:
        raise SettingsError(f"SERVICE_KEY: {error}") from None


async def connect(
    name: str,
    settings: Settings,
    clock: Clock | None = None,
    *,
    patience: float = DATABASE_WAIT_SECONDS,
) -> Database:
    """The service's database; waits for as many seconds until it answers."""
    wanted = DatabaseSettings(
        url=readable("DATABASE_URL", settings.database_url),
        application_name=f"comptoir-{name}",
        pool_size=settings.pool_size,
    )
    give_up = asyncio.get_running_loop().time() + patience
    asked = False
    while True:
        try:
            return await Database.connect(wanted, clock)
        except _AWAY:
            if asyncio.get_running_loop().time() >= give_up:
                raise
            if not asked:
                log.warning("waiting for the database")
            asked = True
            await asyncio.sleep(0.5)


def main(
    name: str,
    settings_type: type[S],
    build: Build[S],
    *,
    metadata_module: str,
    migrations_package: str,
    commands: Sequence[Command[S]] = (),
) -> None:
    """The whole `__main__` of a service; exits with 0, 1 (failed) or 2 (wrong settings)."""
    arguments = _parser(name, commands).parse_args()
    own = {each.name: each for each in commands}
    try:
        if arguments.command == "migrate":
            wanted = load(MigrationSettings)
            telemetry.configure_logging(name, wanted.log_level)
            importlib.import_module(metadata_module)
            act = migrations.check if arguments.check else migrations.run
            act(migrations_package, wanted.url)
        elif arguments.command == "events":
            asyncio.run(_operate(name, load(Settings), arguments))
        elif arguments.command in own:
            asyncio.run(_command(name, load(settings_type), own[arguments.command]))
        else:
            uvloop.run(serve(name, load(settings_type), build, migrations_package))
    except SettingsError as error:
        sys.exit(_usage(error))
    except Failure as failure:
        sys.exit(f"{failure.reason}: {failure.message}")


def _parser(name: str, commands: Sequence[Command[S]]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m comptoir_{name}")
    subparsers = parser.add_subparsers(dest="command")
    subparsers.add_parser("serve", help="serve until SIGTERM (the default)")
    migrate = subparsers.add_parser("migrate", help="bring the database to the newest revision")
    migrate.add_argument("--check", action="store_true", help="only compare tables and database")
    events = subparsers.add_parser("events", help="replay events, look after dead letters")
    operating.add_arguments(events)
    for each in commands:
        subparsers.add_parser(each.name, help=each.help)
    return parser


async def _operate(name: str, settings: Settings, asked: argparse.Namespace) -> None:
    port = settings.listen.rpartition(":")[2]
    channel = open_channel(
        f"127.0.0.1:{port}",
        keys_of(name, settings)[1],
        [events_service.SERVICE],
        name=name,
        certificates=settings.certificates(),
    )
    try:
        async for line in operating.run(asked, channel):
            sys.stdout.write(f"{line}\n")
    finally:
        await channel.close()


async def _command(name: str, settings: S, command: Command[S]) -> None:
    database = await connect(name, settings)
    try:
        sys.stdout.write(f"{await command.run(database, settings)}\n")
    finally:
        await database.close()


async def serve(name: str, settings: S, build: Build[S], migrations_package: str) -> None:
    """Serves until SIGTERM or SIGINT, then drains."""
    telemetry.configure(name, settings)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    starting = Service.start(name, settings, build, migrations_package=migrations_package)
    service = await unless(stopping, starting)
    if service is not None:
        log.info("listening", extra={"listening": service.address})
        await stopping.wait()
        log.info("draining")
        await service.leave()
        await service.stop()
    log.info("stopped")
    telemetry.shut_down()


def _usage(error: SettingsError) -> int:
    sys.stderr.write(f"settings: {error}\n")
    return 2


async def _stop(takers: Iterable[Consumer]) -> None:
    """All of them at once: there is one grace period for all."""
    await asyncio.gather(*(each.stop() for each in takers))


async def _purge(transactions: Transactions, hours: int) -> None:
    """Forgets answers to request ids once nobody can be repeating them any more."""

    async def purge(session: Session) -> bool:
        return await idempotency.purge(session, session.clock.now() - timedelta(hours=hours))

    while True:
        if not await transactions.run(purge):
            await asyncio.sleep(PURGE_INTERVAL_SECONDS)
