"""People in the shop, and what must hold of every refusal."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from comptoir_local.demo import cast
from comptoir_local.demo.api import Json
from comptoir_local.demo.play import poll
from comptoir_local.demo.provider import Provider

CARD = "pm_card_visa"
CARD_3DS = "pm_card_3ds"
LYON = "warehouse_lyon"
OF_THE_DEMO = {cast.RAINCOAT, cast.SHOES, cast.COFFEE, cast.LAST_JACKET}
SHIPPED = {"delivery": {"mode": "MODE_SHIP", "address": cast.HOME, "shippingMethod": "standard"}}
COLLECTED = {
    "delivery": {
        "mode": "MODE_PICK_UP",
        "location": cast.STORE,
        "shippingMethod": "store_pick_up",
    }
}


def new_key() -> str:
    return secrets.token_hex(12)


@dataclass
class Person:
    """Somebody with a token who sends what they like."""

    http: httpx.AsyncClient
    token: str

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        key: str | None = "new",
    ) -> httpx.Response:
        """`body` as JSON or `raw` as it is; a fresh idempotency key unless told otherwise."""
        sent = {"Authorization": f"Bearer {self.token}"}
        if method != "GET" and key is not None:
            sent["Idempotency-Key"] = new_key() if key == "new" else key
        if raw is not None:
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        content: dict[str, Any] = {"content": raw} if raw is not None else {"json": body}
        if body is None and raw is None:
            content = {}
        return await self.http.request(method, path, headers=sent, **content)

    async def get(self, path: str) -> Json:
        return ok(await self.send("GET", path))

    async def post(self, path: str, body: Json) -> Json:
        return ok(await self.send("POST", path, body=body))

    async def put(self, path: str, body: Json) -> Json:
        return ok(await self.send("PUT", path, body=body))

    async def cart(
        self, *skus: str, quantity: int = 1, delivery: Json = SHIPPED, channel: str = "web"
    ) -> Json:
        """A cart with these skus, ready to be placed."""
        cart = await self.post("/v1/carts", {"channel": channel})
        for sku in skus:
            line = {"sku": sku, "quantity": quantity}
            await self.post(f"/v1/carts/{cart['id']}/lines", line)
        return await self.put(f"/v1/carts/{cart['id']}/delivery", delivery)

    async def place(
        self, cart: Json, *, token: str = CARD, key: str | None = "new", **changes: Any
    ) -> httpx.Response:
        """Place the order of a cart; `changes` replace parts of the body."""
        return await self.send("POST", "/v1/orders", body=order_of(cart, token) | changes, key=key)


def order_of(cart: Json, token: str = CARD) -> Json:
    """The body that places the order of a cart."""
    return {
        "cart": cart["id"],
        "cartVersion": cart["etag"],
        "quote": cart["quote"],
        "payment": {"method": "card", "token": token},
    }


@dataclass
class Shop:
    """The gateway, the provider, and the first member of staff."""

    http: httpx.AsyncClient
    provider: Provider
    admin: Person
    _free: Iterator[str]

    @classmethod
    @asynccontextmanager
    async def open(
        cls, stage: cast.Stage, transport: httpx.AsyncBaseTransport | None = None
    ) -> AsyncIterator[Shop]:
        async with (
            httpx.AsyncClient(base_url=stage.gateway, timeout=30, transport=transport) as http,
            httpx.AsyncClient(base_url=stage.provider, timeout=30) as provider,
        ):
            who = stage.administrator
            body = {"email": who.email, "password": who.password}
            session = ok(await http.post("/v1/sessions:staff", json=body))
            admin = Person(http, session["accessToken"])
            page = await admin.get("/v1/products?channel=web&pageSize=100")
            skus = [product["sku"] for product in page["products"]]
            free = iter([sku for sku in skus if sku not in OF_THE_DEMO])
            yield cls(http, Provider(provider), admin, free)

    async def visitor(self) -> Person:
        """A visitor without an account."""
        session = ok(await self.http.post("/v1/sessions:anonymous", json={}))
        return Person(self.http, session["accessToken"])

    async def goods(self, units: int = 10, place: str = LYON) -> str:
        """A sku that no other test uses, with exactly this many units, all in one place."""
        sku = next(self._free)
        answer = await self.admin.get(f"/v1/availability?skus={sku}&byLocation=true")
        places = {level["location"] for level in answer["availability"][0]["levels"]} | {place}
        lines = [
            {"sku": sku, "location": each, "quantity": units if each == place else 0}
            for each in sorted(places)
        ]
        await self.admin.post("/v1/stock:count", {"lines": lines, "reference": "test"})
        return sku

    async def available(self, sku: str) -> int:
        """Units that can be promised now."""
        answer = await self.admin.get(f"/v1/availability?skus={sku}")
        return int(answer["availability"][0]["available"])

    async def until_shown_priced(self, person: Person, cart: str, amount: str) -> Json:
        """Wait until a cart shows a subtotal of `amount`."""
        return await poll(
            lambda: person.get(f"/v1/carts/{cart}"),
            lambda answer: answer["totals"]["subtotal"]["amount"] == amount,
        )

    async def set_price(self, sku: str, amount: str) -> None:
        """The base price of a sku, in euros."""
        price = {"sku": sku, "amount": {"currency": "EUR", "amount": amount}}
        await self.admin.post("/v1/priceLists/base/prices", {"prices": [price]})

    async def coupon(self, **effect: Any) -> str:
        """A coupon nobody has used, such as `percent="25"`; returns its code."""
        code = f"T-{secrets.token_hex(5).upper()}"
        await self.admin.put(f"/v1/coupons/{code}", {"coupon": {"code": code, **effect}})
        return code

    @asynccontextmanager
    async def nothing_charged(self) -> AsyncIterator[None]:
        """While the block runs the provider writes nothing down."""
        before = len(await self.provider.journal())
        yield
        assert len(await self.provider.journal()) == before, "the provider was asked for money"


def ok(response: httpx.Response) -> Json:
    assert response.is_success, f"{response.request.url}: {response.status_code} {response.text}"
    content: Json = response.json()
    return content


def refused(
    response: httpx.Response, status: int, reason: str | None = None, field: str | None = None
) -> Json:
    """The problem details (RFC 9457) of a refusal, once what each must say has been checked."""
    told = f"{response.status_code} {response.text[:500]}"
    assert response.status_code == status, told
    assert response.headers["content-type"].split(";")[0] == "application/problem+json", told
    problem: Json = response.json()
    assert problem["status"] == status, told
    assert problem["type"], told
    assert problem["title"], told
    assert problem["reason"] == (reason or problem["reason"]), told
    assert problem["reason"].replace("_", "").isupper(), told
    assert problem["requestId"] == response.headers["x-request-id"], told
    assert "Traceback" not in response.text, told
    if field is not None:
        named = [violation["field"] for violation in problem.get("violations", ())]
        assert field in named, told
    return problem
