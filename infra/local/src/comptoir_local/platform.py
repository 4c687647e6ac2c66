"""The whole platform on one machine: started in order, watched, and stopped to the last process."""

import asyncio
import dataclasses
import os
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from rich.console import Console

from comptoir_local.children import Child, describe_exit
from comptoir_local.databases import DatabaseServer
from comptoir_local.embedded import EmbeddedNats, EmbeddedPostgres
from comptoir_local.embedded.ports import free_port, free_ports
from comptoir_local.environment import Administrator, Surroundings
from comptoir_local.health import until_ready
from comptoir_local.keys import ServiceKeys
from comptoir_local.logs import LogBook
from comptoir_local.migrations import is_migrated
from comptoir_local.progress import Steps
from comptoir_local.protection import NATS, Protection
from comptoir_local.stack import AUDITOR, BACKENDS, GATEWAY, PROVIDER, SERVICES, Service
from comptoir_local.workspace import Workspace

GATEWAY_PORT = 8080
ADMINISTRATOR = "admin@comptoir.example"
_STOP_SECONDS = 8.0
_ATTEMPTS = 3
_AUDIT_SECONDS = 60
_PORT_TAKEN = ("address already in use", "failed to bind")

T = TypeVar("T")


class StartFailed(RuntimeError):
    """A part of the platform did not start; the message holds the end of its log."""


class Crashed(RuntimeError):
    """A process ended that should be running; the message holds the end of its log."""


class _PortLost(Exception):
    """Somebody took a port between our choice and the child's bind."""


@dataclass(frozen=True, slots=True)
class Options:
    """What may differ from one platform to the next."""

    database_url: str | None = None
    """A server of one's own, as somebody who may create databases and roles."""
    nats_url: str | None = None
    gateway_port: int | None = None
    """None: 8080 when it is free, else another. More gateways take the ports that follow."""
    replicas: int = 1
    """Processes of each service, the gateway included; callers spread their calls over them."""
    fresh: bool = False
    verbose: bool = False
    durable: bool = True
    """False: the embedded servers wait for no disk, and a power cut loses everything. For tests."""
    start_seconds: float = 120.0
    """How long a busy machine may take; the usual start takes a few."""
    secure: bool = False
    """Certificates between all parts and a NATS user for each; made for this run."""
    launcher: tuple[str, ...] = ("-m",)
    """What Python gets before the name of a service; a test may put its own program between."""


class Platform:
    """`async with Platform(...) as platform:` runs everything while the block runs.

    Raises AlreadyRunning, LaunchError or StartFailed when it cannot. Enter it in the main thread.
    """

    def __init__(self, workspace: Workspace, options: Options, console: Console) -> None:
        self._workspace = workspace
        self._options = options
        self._console = console
        self.steps = Steps(console)
        self.children: dict[str, Child] = {}
        self._ready: set[str] = set()
        self._servers = ExitStack()
        self._cleanup = AsyncExitStack()
        self._crashed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._database: DatabaseServer | None = None
        self._nats_url = ""
        self._nats_urls: dict[str, str] = {}
        self._protection: Protection | None = None
        self._surroundings: Surroundings | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.enter_context(self._workspace.locked())
            stack.enter_context(self._servers)
            stack.push_async_callback(self._stop_children)
            with self.steps.shown(total=len(SERVICES) + 3):
                self._prepare()
                await self._start_processes()
            self._publish()
            self._cleanup = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._cleanup.aclose()

    @property
    def surroundings(self) -> Surroundings:
        """Addresses and credentials of what runs."""
        assert self._surroundings is not None, "the platform has not been started"
        return self._surroundings

    async def until_crash(self) -> None:
        """Wait until a process ends that should not, then raise Crashed."""
        raise Crashed(await asyncio.shield(self._crashed))

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work`; raise Crashed instead when a process ends that should not."""
        task, crash = asyncio.create_task(work), asyncio.create_task(self.until_crash())
        try:
            await asyncio.wait({task, crash}, return_when=asyncio.FIRST_COMPLETED)
            if crash.done():
                await crash
            return await task
        finally:
            for each in (task, crash):
                each.cancel()
            await asyncio.gather(task, crash, return_exceptions=True)

    async def keep_auditing(self) -> None:
        """Start the job that looks every minute for what should not be, and logs it."""
        arguments = ["-m", AUDITOR.package, "--every", str(_AUDIT_SECONDS)]
        auditor = self._child(AUDITOR.name, arguments, self.surroundings.of_auditor())
        await auditor.start()

    def kill(self) -> None:
        """End every process at once; for somebody who presses Ctrl-C twice."""
        for child in self.children.values():
            child.is_wanted = False
            child.kill()

    def _prepare(self) -> None:
        if self._options.fresh:
            self._wipe()
        if self._options.secure:
            self._protection = Protection(self._workspace.certificates)
            self._protection.issue()
        self._start_servers()
        self._keys.ensure([service.name for service in SERVICES])
        self._workspace.journal.parent.mkdir(exist_ok=True)

    def _wipe(self) -> None:
        given = {
            "DATABASE_URL": self._options.database_url,
            "NATS_URL": self._options.nats_url,
        }
        if owned := [name for name, url in given.items() if url]:
            raise StartFailed(
                f"--fresh does not empty a server of yours ({', '.join(owned)} is set): drop its "
                "comptoir_* databases and roles and delete its streams, or unset the variable."
            )
        self._workspace.wipe()

    def _start_servers(self) -> None:
        """PostgreSQL and NATS, unless they are given. Blocks, for less than a second."""
        if self._options.database_url is None:
            with self.steps.step("PostgreSQL"):
                postgres = self._servers.enter_context(
                    EmbeddedPostgres(self._workspace.postgres, fsync=self._options.durable)
                )
                self._database = postgres.server
        else:
            secret = self._workspace.secret("database-roles")
            self._database = DatabaseServer(self._options.database_url, secret)
        if self._options.nats_url is None:
            with self.steps.step("NATS"):
                self._start_nats()
        elif self._options.secure:
            raise StartFailed("A secure platform makes users of its own on NATS: unset NATS_URL.")
        else:
            self._nats_url = self._options.nats_url

    def _start_nats(self) -> None:
        home, durable = self._workspace.nats, self._options.durable
        if self._protection is None:
            nats = self._servers.enter_context(EmbeddedNats(home, fsync=durable))
        else:
            # Reads the code and imports all contracts.
            from comptoir_local.nats_users import users  # noqa: PLC0415

            certificate = self._protection.files(NATS)
            nats = self._servers.enter_context(
                EmbeddedNats(home, fsync=durable, users=users, certificate=certificate)
            )
            self._nats_urls = {each.name: nats.url_of(each.name) for each in SERVICES}
        self._nats_url = nats.url

    @property
    def _keys(self) -> ServiceKeys:
        return ServiceKeys(self._workspace.keys)

    async def _start_processes(self) -> None:
        urls = self._ensure_databases()
        for attempt in range(1, _ATTEMPTS + 1):
            self._surroundings = self._settle(urls)
            try:
                async with asyncio.timeout(self._options.start_seconds):
                    await self._start_all()
                return
            except _PortLost as lost:
                if attempt == _ATTEMPTS:
                    raise StartFailed(f"{lost} {_ATTEMPTS} times in a row.") from None
                await self._stop_children()
            except TimeoutError:
                raise StartFailed(self._who_is_late()) from None

    def _ensure_databases(self) -> dict[str, str]:
        assert self._database is not None
        return {
            service.name: self._database.ensure_database(service.database)
            for service in SERVICES
            if service.has_database
        }

    @staticmethod
    def _urls(url_of: Callable[[str], str]) -> dict[str, str]:
        return {each.name: url_of(each.database) for each in BACKENDS}

    def _settle(self, database_urls: dict[str, str]) -> Surroundings:
        """Choose the ports: processes name each other in their environment, before they run."""
        assert self._database is not None
        count = self._options.replicas
        names = [name for service in BACKENDS for name in service.replicas(count)]
        names.append(PROVIDER.name)
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        first, *others = GATEWAY.replicas(count)
        ports[first] = self._options.gateway_port or free_port(GATEWAY_PORT)
        for number, name in enumerate(others, start=1):
            ports[name] = free_port(ports[first] + number)
        return Surroundings(
            addresses={name: f"127.0.0.1:{port}" for name, port in ports.items()},
            database_urls=database_urls,
            owner_urls=self._urls(self._database.owner_url),
            audit_urls=self._urls(self._database.auditor_url),
            nats_urls=self._nats_urls or {each.name: self._nats_url for each in SERVICES},
            keys=self._keys,
            journal=self._workspace.journal,
            webhook_secret=self._workspace.secret("psp-webhook"),
            gift_card_secret=self._workspace.secret("gift-cards"),
            administrator=Administrator(ADMINISTRATOR, self._workspace.secret("administrator")),
            replicas=count,
            protection=self._protection,
        )

    async def _start_all(self) -> None:
        await _all_of(*map(self._bring_up, SERVICES), self._bring_up_provider())

    async def _bring_up(self, service: Service) -> None:
        around = self.surroundings
        with self.steps.step(service.name):
            if service.has_database:
                await self._migrate(service)
            names = service.replicas(around.replicas)
            await _all_of(*(self._run(service, name, around.of(service, name)) for name in names))

    async def _bring_up_provider(self) -> None:
        with self.steps.step("payment provider"):
            environment = self.surroundings.of_provider()
            await self._run(PROVIDER, PROVIDER.name, environment)

    async def _migrate(self, service: Service) -> None:
        if is_migrated(service.package, self.surroundings.database_urls[service.name]):
            return
        name = f"{service.name}-migrate"
        environment = self.surroundings.of_migration(service)
        migration = self._child(name, ["-m", service.package, "migrate"], environment)
        await migration.start()
        code = await migration.wait()
        if code != 0:
            raise StartFailed(_report(migration, f"the migration ended with {describe_exit(code)}"))
        del self.children[name]
        migration.log.close()

    async def _run(self, service: Service, name: str, environment: dict[str, str]) -> None:
        child = self._child(name, [*self._options.launcher, service.package], environment)
        await child.start(self._on_end)
        around = self.surroundings
        dial = around.dial_to(service.name)
        ready = asyncio.create_task(until_ready(around.addresses[name], service.ready_path, dial))
        ended = asyncio.create_task(child.wait())
        try:
            await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise self._start_failure(child, ended.result())
            self._ready.add(child.name)
        finally:
            ready.cancel()
            ended.cancel()

    def _start_failure(self, child: Child, code: int) -> Exception:
        tail = child.log.tail().lower()
        # The only port that is not ours to choose is the one that was asked for.
        chosen_by_us = child.name != GATEWAY.name or self._options.gateway_port is None
        if chosen_by_us and any(text in tail for text in _PORT_TAKEN):
            return _PortLost(f"{child.name} lost its port")
        return StartFailed(_report(child, f"it ended while starting, {describe_exit(code)}"))

    def _child(self, name: str, arguments: list[str], environment: dict[str, str]) -> Child:
        log = LogBook(name, self._workspace.logs, self._console, verbose=self._options.verbose)
        child = self.children[name] = Child(name, arguments, environment, log)
        return child

    def _on_end(self, child: Child, code: int) -> None:
        if not self._crashed.done():
            self._crashed.set_result(
                _report(child, f"it ended unexpectedly, {describe_exit(code)}")
            )

    def _who_is_late(self) -> str:
        reports = [
            _report(child, f"it was not ready after {self._options.start_seconds:.0f} s")
            for child in self.children.values()
            if child.name not in self._ready
        ]
        return "\n".join(reports)

    def _publish(self) -> None:
        """For `status`, the demo and the benchmarks."""
        self._workspace.publish(
            {
                "pid": os.getpid(),
                "gateway": self.surroundings.gateway_url,
                "replicas": self.surroundings.replicas,
                "addresses": self.surroundings.addresses,
                "administrator": dataclasses.asdict(self.surroundings.administrator),
                "processes": {name: child.pid for name, child in self.children.items()},
                "database_urls": self.surroundings.database_urls,
                "owner_urls": self.surroundings.owner_urls,
                "audit_urls": self.surroundings.audit_urls,
                "nats_urls": self.surroundings.nats_urls,
                "certificates": str(self._protection.folder) if self._protection else "",
            }
        )

    async def _stop_children(self) -> None:
        """The way in first, then those behind it, then the outside world."""
        gateways = GATEWAY.replicas(self._options.replicas)
        others = [each for each in self.children if each not in {*gateways, PROVIDER.name}]
        for names in (gateways, others, [PROVIDER.name]):
            running = [self.children[name] for name in names if name in self.children]
            await asyncio.gather(*(child.stop(_STOP_SECONDS) for child in running))
        for child in self.children.values():
            child.log.close()
        self.children.clear()
        self._ready.clear()


async def _all_of(*work: Coroutine[Any, Any, None]) -> None:
    """All at once; the first failure stops the waiting for the others."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _report(child: Child, what: str) -> str:
    return f"{child.name}: {what}. The end of {child.log.path}:\n{child.log.tail()}"
