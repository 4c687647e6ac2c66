"""Two of everything, behind certificates: the demo once more, and what only shows with two.

Each request goes to another gateway than the one before, and from there to another replica. Two of
everything without certificates are what `tests/faults/test_replicas.py` runs.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from rich.console import Console

from comptoir_local.catalogue.first import Door, ensure_catalogue
from comptoir_local.demo import cast
from comptoir_local.demo.api import Caller
from comptoir_local.demo.play import Play, poll
from comptoir_local.demo.provider import Provider
from comptoir_local.environment import Surroundings
from comptoir_local.stack import BACKENDS
from tests.journeys import test_demo
from tests.journeys.shop import LYON, Person, Shop, ok
from tests.journeys.stage import JOURNEY, START_SECONDS, Alternating, a_platform, stage_of
from tests.journeys.test_security import outcome

# Twice as many processes have to start. First, as the first limit counts.
pytestmark = [pytest.mark.timeout(START_SECONDS), *JOURNEY]
BUYERS, UNITS = 24, 10


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def twice() -> AsyncIterator[Surroundings]:
    """A platform with two replicas of every service and of the gateway, none of which trusts a
    stranger."""
    async with a_platform(replicas=2, secure=True) as (platform, workspace):
        door = Door.of(platform.surroundings)
        await platform.during(ensure_catalogue(door, workspace.root, None, Console(quiet=True)))
        yield platform.surroundings


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def play(twice: Surroundings) -> AsyncIterator[Play]:
    """The journey of the demo, through both gateways in turn."""
    stage, transport = stage_of(twice), Alternating(twice.gateway_urls)
    async with (
        httpx.AsyncClient(base_url=stage.gateway, timeout=30, transport=transport) as http,
        httpx.AsyncClient(base_url=stage.provider, timeout=30) as provider,
    ):
        yield Play(stage, http, Provider(provider))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(twice: Surroundings) -> AsyncIterator[Shop]:
    """The shop, with two doors."""
    async with Shop.open(stage_of(twice), Alternating(twice.gateway_urls)) as shop:
        yield shop


class TestDemo(test_demo.TestDemo):
    """The journey of the front page."""


class TestWatching:
    async def test_changes_through_any_replica_are_seen_in_order(self, shop: Shop) -> None:
        sku = await shop.goods(units=0)
        await poll(lambda: shop.available(sku), lambda units: units == 0)
        watcher = Caller(shop.http, (await shop.visitor()).token)
        async with watcher.watch("/v1/availability:watch", skus=sku) as figures:
            seen = [int((await asyncio.wait_for(anext(figures), 30)).get("available", 0))]
            # As many as it takes that both replicas of inventory, and both gateways, take part.
            for units in range(1, 9):
                line = {"sku": sku, "location": LYON, "quantity": 1}
                await shop.admin.post("/v1/stock:receive", {"lines": [line], "reference": "w"})
                while seen[-1] != units:
                    seen.append(int((await asyncio.wait_for(anext(figures), 30))["available"]))
        assert seen == list(range(9))

    async def test_a_cart_that_is_watched_shows_what_any_replica_has_changed(
        self, shop: Shop
    ) -> None:
        sku = await shop.goods()
        person = await shop.visitor()
        cart = await person.post("/v1/carts", {"channel": "web"})
        path = f"/v1/carts/{cart['id']}"
        async with Caller(shop.http, person.token).watch(f"{path}:watch") as changes:
            assert not (await asyncio.wait_for(anext(changes), 30)).get("lines")
            cart = await person.post(f"{path}/lines", {"sku": sku, "quantity": 1})
            line = cart["lines"][0]["id"]
            for quantity in range(1, 7):
                body = {"quantity": quantity}
                ok(await person.send("PATCH", f"{path}/lines/{line}", body=body))
                shown = await asyncio.wait_for(anext(changes), 30)
                while shown["lines"][0]["quantity"] != quantity:
                    shown = await asyncio.wait_for(anext(changes), 30)


class TestSessions:
    async def test_who_signed_in_at_one_gateway_goes_on_at_the_other(
        self, twice: Surroundings
    ) -> None:
        one, other = (httpx.AsyncClient(base_url=url, timeout=30) for url in twice.gateway_urls)
        async with one, other:
            assert (await one.get("/.well-known/jwks.json")).json() == (
                await other.get("/.well-known/jwks.json")
            ).json()
            who = cast.newcomer("voyageuse")
            visitor = ok(await one.post("/v1/sessions:anonymous", json={}))
            body = {"email": who.email, "password": who.password}
            headers = {"Authorization": f"Bearer {visitor['accessToken']}"}
            registered = ok(
                await other.post(
                    "/v1/customers", json=body, headers=headers | {"Idempotency-Key": "r" * 16}
                )
            )
            session = ok(await one.post("/v1/sessions", json=body))
            # More often than there are replicas: each of them signs, checks and rotates.
            for door in (other, one, other, one, other, one):
                spent = session["refreshToken"]
                session = ok(await door.post("/v1/sessions:refresh", json={"refreshToken": spent}))
                for look in (one, other):
                    me = await Person(look, session["accessToken"]).get("/v1/customers/me")
                    assert me["id"] == registered["id"]


class TestStrangers:
    @pytest.mark.parametrize("called", [each.name for each in BACKENDS])
    async def test_no_replica_takes_a_call_of_whom_the_picture_does_not_name(
        self, twice: Surroundings, called: str
    ) -> None:
        for replica in (called, f"{called}-2"):
            assert await outcome(twice, "pim", called, replica) == (
                "UNAUTHENTICATED" if called == "pim" else "CALLER_NOT_ADMITTED"
            )


class TestRush:
    async def test_of_a_hot_product_not_one_unit_too_many_is_sold(self, shop: Shop) -> None:
        sku = await shop.goods(units=UNITS)
        await poll(lambda: shop.available(sku), lambda units: units == UNITS)
        before = len(await shop.provider.journal())
        people = await asyncio.gather(*(shop.visitor() for _ in range(BUYERS)))
        carts = await asyncio.gather(*(person.cart(sku) for person in people))

        answers = await asyncio.gather(
            *(person.place(cart) for person, cart in zip(people, carts, strict=True))
        )

        told = Counter(each.json().get("state") or each.json()["reason"] for each in answers)
        assert told == {"STATE_PLACED": UNITS, "OUT_OF_STOCK": BUYERS - UNITS}
        left = await poll(lambda: shop.available(sku), lambda units: units == 0)
        assert left == 0
        assert len(await shop.provider.journal()) - before == UNITS
