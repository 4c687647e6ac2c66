"""The procedures of the operations guide, each with the very commands of its page."""

import os
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import psycopg
import pytest
import pytest_asyncio
from rich.console import Console

from comptoir.events.v1 import events_service_pb2
from comptoir_local.catalogue.first import Door, ensure_catalogue
from comptoir_local.databases import DatabaseServer
from comptoir_local.demo.cast import Credentials, Stage, newcomer
from comptoir_local.demo.play import poll
from comptoir_local.embedded import EmbeddedNats, EmbeddedPostgres
from comptoir_local.embedded.ports import free_port
from comptoir_local.keys import ServiceKeys
from comptoir_local.platform import Options, Platform
from comptoir_local.stack import BACKENDS, SERVICES
from comptoir_local.workspace import Workspace
from comptoir_runtime.auth import ServiceIdentity, keys_of_jwks
from comptoir_runtime.channel import Client, open_channel
from comptoir_runtime.events_service import SERVICE as EVENTS
from tests.journeys.pages import FOLDER, Operator, tried
from tests.journeys.shop import Person, Shop, ok
from tests.journeys.stage import JOURNEY

T = TypeVar("T")
TRIES = 20
# The platform starts four times, each time on a machine that may be very busy.
START_SECONDS = 600
pytestmark = [JOURNEY[0], pytest.mark.timeout(3000)]

LETTER = """
INSERT INTO dead_letter (id, producer, subject, type, payload, headers, error, deliveries)
VALUES (%s, 'nobody', 'nobody.v1.Thing.key', 'nobody.v1.Thing', '', '{}', 'ValueError: no', 8)"""
HEALTHY = re.compile(r"checks of .* 0 differences")


class Site:
    """A machine with servers that outlive the platform, and its operator."""

    def __init__(self, folder: Path, server: DatabaseServer) -> None:
        self.folder = folder
        self.server = server
        self.workspace = Workspace(folder / ".comptoir")
        self.operator = Operator(folder, {"DATABASE_URL": server.admin_url})
        self.customer: Credentials = newcomer("cliente")
        self.order = ""
        self.nats_url = ""
        self.former_token = ""
        """Signed by a key that is not trusted any more."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Shop]:
        """The platform, and its shop, while the block runs."""
        options = Options(
            database_url=self.server.admin_url,
            nats_url=self.nats_url,
            gateway_port=free_port(),
            start_seconds=START_SECONDS,
        )
        async with Platform(self.workspace, options, Console(quiet=True)) as platform:
            around = platform.surroundings
            door = Door.of(around)
            await platform.during(
                ensure_catalogue(door, self.workspace.root, None, Console(quiet=True))
            )
            who = Credentials(around.administrator.email, around.administrator.password)
            async with Shop.open(Stage(around.gateway_url, around.provider_url, who)) as shop:
                yield shop

    async def signed_in(self, shop: Shop) -> Person:
        body = {"email": self.customer.email, "password": self.customer.password}
        session = ok(await shop.http.post("/v1/sessions", json=body))
        return Person(shop.http, session["accessToken"])

    def put_aside(self, service: str) -> str:
        """An event of a type that nobody handles, in the quarantine of a service."""
        event = str(uuid4())
        server = DatabaseServer(self.server.admin_url, self.workspace.secret("database-roles"))
        with psycopg.connect(server.url(f"comptoir_{service}")) as connection:
            connection.execute(LETTER, [event])
        return event


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site() -> AsyncIterator[Site]:
    with tempfile.TemporaryDirectory(prefix="comptoir-operations-") as name:
        os.chmod(name, 0o711)  # noqa: PTH101, S103 - the account of the database server has to pass
        folder = Path(name)
        with EmbeddedPostgres(folder / "postgres", fsync=False) as postgres:
            yield Site(folder, postgres.server)


async def touches(person: Person) -> set[str]:
    page = await person.get("/v1/customers/me/timeline?pageSize=100")
    return {touch["kind"] for touch in page.get("touches", ())}


async def known_order(person: Person, order: str) -> httpx.Response:
    return await person.send("GET", f"/v1/orders/{order}")


class TestOperations:
    """One story, in the order in which it is told; each test goes on where the last one ended."""

    async def test_backups_are_taken_while_everything_runs(self, site: Site) -> None:
        with EmbeddedNats(site.folder / "nats", fsync=False) as nats:
            site.nats_url = nats.url
            async with site.running() as shop:
                visitor = await shop.visitor()
                body = {"email": site.customer.email, "password": site.customer.password}
                await visitor.post("/v1/customers", body)
                person = await site.signed_in(shop)
                await site.operator.does("migrate")
                await site.operator.does("back-up-one")
                placed = ok(await person.place(await person.cart(await shop.goods())))
                site.order = placed["order"]
                told = await eventually(lambda: touches(person), lambda kinds: len(kinds) >= 2)
                await until_healthy(site)
                await site.operator.does("back-up-all")
            await self.customers_alone_are_restored(site, told)

    async def customers_alone_are_restored(self, site: Site, told: set[str]) -> None:
        """What the others know comes back, too: it is told again."""
        await site.operator.does("restore-one")
        async with site.running() as shop:
            person = await site.signed_in(shop)
            forgotten = await touches(person)
            assert not told <= forgotten
            printed = await site.operator.does("tell-again")
            assert printed.count("events published again") == 10
            assert told <= await eventually(lambda: touches(person), lambda kinds: told <= kinds)
            assert ok(await known_order(person, site.order))["id"] == site.order
            await until_healthy(site)

    async def test_all_are_restored_beside_an_empty_nats(self, site: Site) -> None:
        await site.operator.does("restore-all")
        with EmbeddedNats(site.folder / "nats-anew", fsync=False) as nats:
            site.nats_url = nats.url
            async with site.running() as shop:
                person = await site.signed_in(shop)
                assert ok(await known_order(person, site.order))["id"] == site.order
                ok(await person.place(await person.cart(await shop.goods())))
                await until_healthy(site)
                assert "events published again" in await site.operator.does("replay")
                await self.dead_letters_are_looked_after(site)
                await self.nobody_is_trusted_any_more(site, shop)
                await site.operator.does("list-next-keys")
            await self.local_secrets_are_new(site)

    async def dead_letters_are_looked_after(self, site: Site) -> None:
        first = site.put_aside("cart")
        listed = await site.operator.does("dead-letters")
        assert f"{first}  quarantined" in listed
        assert f"{first}  obsolete" in await site.operator.does("dead-letters", "redrive")
        second = site.put_aside("cart")
        printed = await site.operator.does("dead-letters", "discard", EVENT=second)
        line = printed.splitlines()[-1]
        assert line.startswith(f"{second}  discarded")
        assert line.endswith("discarded by cart: its product was a test and is gone")

    async def nobody_is_trusted_any_more(self, site: Site, shop: Shop) -> None:
        person = await site.signed_in(shop)
        printed = await site.operator.does("replace-keys")
        assert "signs from now on" in printed
        site.former_token = person.token

    async def local_secrets_are_new(self, site: Site) -> None:
        before = site.workspace.secret("database-roles")
        await site.operator.does("use-next-keys", "renew-local-secrets")
        async with site.running() as shop:
            assert site.workspace.secret("database-roles") != before
            former = Person(shop.http, site.former_token)
            person = await site.signed_in(shop)
            refused = await eventually(
                lambda: known_order(former, site.order), lambda answer: answer.status_code == 401
            )
            assert refused.status_code == 401
            assert ok(await known_order(person, site.order))["id"] == site.order
            ok(await person.place(await person.cart(await shop.goods())))
            await self.old_and_new_keys_are_believed(site)
            await until_healthy(site)
        await site.operator.does("forget-old-keys")
        keys = ServiceKeys(site.workspace.keys)
        assert len(keys_of_jwks(keys.jwks)) == len(SERVICES)

    async def old_and_new_keys_are_believed(self, site: Site) -> None:
        """By every service, in what it is asked by who signs with the one and with the other."""
        keys, state = ServiceKeys(site.workspace.keys), site.workspace.running()
        assert state is not None
        listed = keys_of_jwks(keys.jwks)
        for name in (each.name for each in BACKENDS):
            new = keys.private(name)
            for path in (new, new.with_suffix(".old.pem")):
                identity = ServiceIdentity.from_pem(name, path, listed)
                async with open_channel(state["addresses"][name], identity, [EVENTS]) as channel:
                    request: Any = events_service_pb2.ListDeadLettersRequest()
                    await Client(channel, EVENTS).call("ListDeadLetters", request, timeout=30)
        assert len(listed) == 2 * len(SERVICES)

    async def test_every_block_that_claims_so_was_tried(self, site: Site) -> None:
        assert set(site.operator.done) == set(tried())

    async def test_the_pages_name_every_other_page(self) -> None:
        index = (FOLDER / "README.md").read_text()
        for page in FOLDER.glob("*.md"):
            assert page.name == "README.md" or f"({page.name})" in index


async def until_healthy(site: Site) -> None:
    """Audits with the page's own commands, once what was under way has ended."""

    async def printed() -> str:
        try:
            return await site.operator.does("audit")
        except AssertionError as differs:
            return str(differs)

    told = await eventually(printed, lambda text: len(HEALTHY.findall(text)) == 2)
    assert len(HEALTHY.findall(told)) == 2, told


async def eventually(read: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """As `poll`, for what takes minutes where many other things run."""
    answer = await poll(read, good)
    for _ in range(TRIES):
        if good(answer):
            break
        answer = await poll(read, good)
    return answer
