"""What stands between our provider and a peer, and makes good what the peer does not know.

Each front speaks the payment intents of Stripe's present API towards us. What it adds is listed at
its class; all else, amounts, refusals, replays and failures, is the peer's own word.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web

from comptoir_payments.providers.stripe.reading import OPERATION

Json = dict[str, Any]
_EXPANDED = ("latest_charge", "payment_method")
_QUERY = re.compile(rf"metadata\['{OPERATION}'\]:'(\w+)'")


class Refused(Exception):
    """The peer's answer is no success: it is handed on as it came."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.status, self.body = status, body


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a call: its answer, or all of it."""

    when: Literal["before", "after"]
    """Whether it has had its effect at the peer."""
    how: Literal["reset", "silence", "status"]
    status: int = 500


class Front:
    """What both peers have in common."""

    def __init__(self, peer: str) -> None:
        self._peer = peer
        self._client: aiohttp.ClientSession
        self.url = ""
        self.faults: deque[Fault] = deque()
        """What goes wrong with the next calls that move something."""
        self.posted: list[str] = []
        """The paths of all calls that move something."""
        self.search_lags = False
        """Stripe's search does not find at once what has just been made."""
        self.approves: Callable[[Json], None] = _as_asked
        """Changes what is answered, where another amount than asked is to be approved."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Front"]:
        app = web.Application(middlewares=[self._go_wrong, _hand_on])
        path = "/v1/payment_intents"
        app.router.add_post(path, self._create)
        app.router.add_get(path + "/search", self._search)
        app.router.add_get(path + "/{id}", self._retrieve)
        app.router.add_post(path + "/{id}/capture", self._capture)
        app.router.add_post(path + "/{id}/cancel", self._cancel)
        app.router.add_post("/v1/refunds", self._refund)
        app.router.add_get("/v1/refunds", self._refunds)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            async with aiohttp.ClientSession() as self._client:
                yield self
        finally:
            await runner.cleanup()

    async def ask(
        self, method: str, path: str, form: Mapping[str, Any] | None = None, key: str = ""
    ) -> Json:
        """The peer's answer; raises `Refused`."""
        headers = {"authorization": "Bearer sk_test_comptoir"}
        if key:
            headers["idempotency-key"] = key
        async with self._client.request(
            method, self._peer + path, data=dict(form or {}), headers=headers
        ) as reply:
            body: Json = await reply.json(content_type=None)
            if reply.status >= 300:
                raise Refused(reply.status, body)
            return body

    async def tell(self, path: str, form: Mapping[str, str]) -> None:
        """Something about the peer itself, which it answers with nothing."""
        async with self._client.post(self._peer + path, data=dict(form)) as reply:
            assert reply.status == 200, await reply.text()

    async def intent(self, reference: str) -> Json:
        raise NotImplementedError

    async def _create(self, request: web.Request) -> web.Response:
        raise NotImplementedError

    async def _capture(self, request: web.Request) -> web.Response:
        raise NotImplementedError

    async def _cancel(self, request: web.Request) -> web.Response:
        raise NotImplementedError

    async def _refund(self, request: web.Request) -> web.Response:
        raise NotImplementedError

    async def _refunds(self, request: web.Request) -> web.Response:
        raise NotImplementedError

    async def _found(self, operation: str) -> list[str]:
        raise NotImplementedError

    async def _retrieve(self, request: web.Request) -> web.Response:
        return web.json_response(await self.intent(request.match_info["id"]))

    @web.middleware
    async def _go_wrong(self, request: web.Request, handler: Any) -> web.StreamResponse:
        moves = request.method == "POST"
        if moves:
            self.posted.append(request.path)
        fault = self.faults.popleft() if moves and self.faults else None
        answer = web.json_response({"error": {"type": "api_error"}}, status=503)
        if fault is None or fault.when == "after":
            answer = await handler(request)
        if fault is None:
            return answer
        connection = request.transport
        assert connection is not None
        # Until the caller gives up, which nothing here is told.
        while fault.how == "silence" and not connection.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        if fault.how == "status":
            return web.json_response({"error": {"type": "api_error"}}, status=fault.status)
        connection.abort()
        return answer

    async def _search(self, request: web.Request) -> web.Response:
        query = _QUERY.fullmatch(request.query["query"])
        assert query is not None, "the provider searches for an operation"
        made = [] if self.search_lags else await self._found(query[1])
        found = [await self.intent(each) for each in made]
        return web.json_response({"object": "search_result", "data": found, "has_more": False})


class LocalstripeFront(Front):
    """Adds: parameters and fields younger than the peer, search, metadata of a capture.

    The fields are `amount_received`, `amount_capturable` and `amount_captured`; and what was given
    up without being taken, which this peer counts as refunded, is taken out of `amount_refunded`.
    """

    _UNKNOWN = ("return_url", "allowed_payment_method_types[0]")

    async def intent(self, reference: str) -> Json:
        path = f"/v1/payment_intents/{reference}?" + "&".join(
            f"expand[]={each}" for each in _EXPANDED
        )
        return self._completed(await self.ask("GET", path))

    async def _create(self, request: web.Request) -> web.Response:
        form = await _form(request)
        known = {name: value for name, value in form.items() if name not in self._UNKNOWN}
        made = await self.ask("POST", "/v1/payment_intents", known, _key(request))
        return web.json_response(self._completed(made))

    async def _capture(self, request: web.Request) -> web.Response:
        reference, form = request.match_info["id"], await _form(request)
        path = f"/v1/payment_intents/{reference}"
        amount = {"amount_to_capture": form["amount_to_capture"]}
        await self.ask("POST", path + "/capture", amount, _key(request))
        noted = {name: value for name, value in form.items() if name.startswith("metadata")}
        await self.ask("POST", path, noted)
        return web.json_response(await self.intent(reference))

    async def _cancel(self, request: web.Request) -> web.Response:
        reference = request.match_info["id"]
        await self.ask("POST", f"/v1/payment_intents/{reference}/cancel", {}, _key(request))
        return web.json_response(await self.intent(reference))

    async def _refund(self, request: web.Request) -> web.Response:
        form = await _form(request)
        known = {name: value for name, value in form.items() if not name.startswith("expand")}
        refund = await self.ask("POST", "/v1/refunds", known, _key(request))
        intent = await self.intent(form["payment_intent"])
        return web.json_response({**refund, "payment_intent": intent})

    async def _refunds(self, request: web.Request) -> web.Response:
        path = f"/v1/refunds?payment_intent={request.query['payment_intent']}&limit=100"
        return web.json_response(await self.ask("GET", path))

    async def _found(self, operation: str) -> list[str]:
        listed = await self.ask("GET", "/v1/payment_intents?limit=100")
        return [
            each["id"] for each in listed["data"] if each["metadata"].get(OPERATION) == operation
        ]

    def _completed(self, intent: Json) -> Json:
        charge = intent["latest_charge"]
        taken = sum(
            int(value) for name, value in intent["metadata"].items() if name.startswith("capture:")
        )
        intent["amount_received"] = taken
        holds = intent["status"] == "requires_capture"
        intent["amount_capturable"] = intent["amount"] if holds else 0
        if charge is not None:
            charge["amount_captured"] = taken
            charge["amount_refunded"] -= charge["amount"] - taken if charge["captured"] else 0
        self.approves(intent)
        return intent


class StatefulMockFront(Front):
    """Adds: payment intents themselves, each made of one of the peer's charges, and search.

    What was given up without being taken, which this peer counts as refunded, is taken out of
    `amount_refunded`.
    """

    async def intent(self, reference: str) -> Json:
        return self._of(await self.ask("GET", f"/v1/charges/{reference}"))

    async def _create(self, request: web.Request) -> web.Response:
        form = await _form(request)
        charge = {
            "amount": form["amount"],
            "currency": form["currency"],
            "source": form["payment_method"],
            "capture": "false",
            **{name: value for name, value in form.items() if name.startswith("metadata")},
        }
        return web.json_response(
            self._of(await self.ask("POST", "/v1/charges", charge, _key(request)))
        )

    async def _capture(self, request: web.Request) -> web.Response:
        reference, form = request.match_info["id"], await _form(request)
        path = f"/v1/charges/{reference}"
        amount = {"amount": form["amount_to_capture"]}
        charge = await self.ask("POST", path + "/capture", amount, _key(request))
        kept = {f"metadata[{name}]": value for name, value in charge["metadata"].items()}
        noted = {name: value for name, value in form.items() if name.startswith("metadata")}
        return web.json_response(self._of(await self.ask("POST", path, {**kept, **noted})))

    async def _cancel(self, request: web.Request) -> web.Response:
        reference = request.match_info["id"]
        if (await self.intent(reference))["status"] == "succeeded":
            raise Refused(400, {"error": {"code": "payment_intent_unexpected_state"}})
        await self.ask("POST", "/v1/refunds", {"charge": reference}, _key(request))
        return web.json_response(await self.intent(reference))

    async def _refund(self, request: web.Request) -> web.Response:
        form = await _form(request)
        known = {name: value for name, value in form.items() if not name.startswith("expand")}
        known["charge"] = known.pop("payment_intent")
        refund = await self.ask("POST", "/v1/refunds", known, _key(request))
        intent = await self.intent(known["charge"])
        return web.json_response({**refund, "payment_intent": intent})

    async def _refunds(self, request: web.Request) -> web.Response:
        path = f"/v1/refunds?charge={request.query['payment_intent']}&limit=100"
        return web.json_response(await self.ask("GET", path))

    async def _found(self, operation: str) -> list[str]:
        listed = await self.ask("GET", "/v1/charges?limit=1000")
        return [
            each["id"] for each in listed["data"] if each["metadata"].get(OPERATION) == operation
        ]

    def _of(self, charge: Json) -> Json:
        given_up = charge["amount"] - charge["amount_captured"]
        released = charge["refunded"] and not charge["captured"]
        charge["amount_refunded"] -= given_up if charge["captured"] or released else 0
        status = "succeeded" if charge["captured"] else "requires_capture"
        intent = {
            "id": charge["id"],
            "object": "payment_intent",
            "status": "canceled" if released else status,
            "amount": charge["amount"],
            "amount_received": charge["amount_captured"],
            "amount_capturable": 0 if released or charge["captured"] else charge["amount"],
            "currency": charge["currency"],
            "latest_charge": charge,
            "last_payment_error": None,
            "metadata": charge["metadata"],
            "next_action": None,
            "payment_method": None,
        }
        self.approves(intent)
        return intent


def _as_asked(intent: Json) -> None:
    """Changes nothing."""


@web.middleware
async def _hand_on(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        answer: web.StreamResponse = await handler(request)
    except Refused as refused:
        return web.json_response(refused.body, status=refused.status)
    return answer


async def _form(request: web.Request) -> dict[str, str]:
    return dict(parse_qsl(await request.text(), keep_blank_values=True))


def _key(request: web.Request) -> str:
    return request.headers["idempotency-key"]
