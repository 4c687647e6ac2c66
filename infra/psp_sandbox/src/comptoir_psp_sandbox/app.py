"""Routes: HTTP in, one call of the provider, HTTP out; and the scripted misbehaviour in between."""

import asyncio
import time
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import parse_qs

import orjson

from comptoir_psp_sandbox import challenge, requests, scripts
from comptoir_psp_sandbox.asgi import (
    HTML,
    JSON,
    NO_CONTENT,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    break_off,
    leave_unanswered,
    read_body,
    respond,
)
from comptoir_psp_sandbox.cards import Reply
from comptoir_psp_sandbox.connection import reset
from comptoir_psp_sandbox.errors import (
    IdempotencyKeyRequired,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    Refusal,
)
from comptoir_psp_sandbox.journal import Journal
from comptoir_psp_sandbox.provider import Provider
from comptoir_psp_sandbox.recorder import Answer, Keyed
from comptoir_psp_sandbox.scripts import Action, Script, Scripts

# The browser calls the tokeniser from the shop's page, which lives elsewhere.
_CORS: Final = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-headers", b"content-type"),
    (b"access-control-allow-methods", b"POST"),
)
_REPLAYED: Final = (b"idempotent-replayed", b"true")
_EARLY_WEBHOOK_LEAD: Final = 0.3
_LARGEST_PAGE: Final = 1000
_VERBS: Final = ("confirm", "capture", "void", "refund")
_HAPPENINGS: Final = ("fail_refund", "dispute", "win_dispute", "lose_dispute")


class Application:
    def __init__(
        self,
        provider: Provider,
        journal: Journal,
        scripted: Scripts,
        *,
        public_url: str,
        hold: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._provider = provider
        self._journal = journal
        self._scripts = scripted
        self._public_url = public_url
        self._hold = hold
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            body = await read_body(receive)
            if body is None:
                return
            request = Request(scope, body)
            operation = _scriptable(scope["method"], scope["path"])
            script = self._scripts.take(operation) if operation else None
            if script is not None:
                await self._misbehave(script, request, receive, send)
                return
            response, reply = await self._handle(request)
        except Refusal as refusal:
            response, reply = _refused(refusal), Reply.NORMAL
        if reply is Reply.NEVER:
            await leave_unanswered(scope, receive, self._hold)
            return
        if reply is Reply.AFTER_WEBHOOK:
            await asyncio.sleep(_EARLY_WEBHOOK_LEAD)
        await respond(send, response)

    async def _misbehave(
        self, script: Script, request: Request, receive: Receive, send: Send
    ) -> None:
        response = Response(
            script.status,
            orjson.dumps({"error": {"code": "scripted", "message": "as scripted"}}),
        )
        if script.action is Action.DELAY and not script.after_effect:
            await asyncio.sleep(script.delay)
        if script.after_effect or script.action is Action.DELAY:
            real = await self._handled_or_refused(request)
            response = response if script.action is Action.STATUS else real
        if script.action is Action.DELAY and script.after_effect:
            await asyncio.sleep(script.delay)
        if script.action is Action.TIMEOUT:
            await leave_unanswered(request.scope, receive, self._hold)
        elif script.action is Action.RESET and script.after_effect:
            await break_off(request.scope, send, response)
        elif script.action is Action.RESET:
            reset(request.scope)
        else:
            retry = ((b"retry-after", b"1"),) if response.status in (429, 503) else ()
            await respond(
                send,
                Response(response.status, response.body, (*response.headers, *retry)),
            )

    async def _handled_or_refused(self, request: Request) -> Response:
        try:
            response, _ = await self._handle(request)
        except Refusal as refusal:
            return _refused(refusal)
        return response

    async def _handle(self, request: Request) -> tuple[Response, Reply]:
        """One request, by its path: /v1/payments first, as it is the one that matters for speed."""
        method: str = request.scope["method"]
        match request.scope["path"].split("/")[1:]:
            case ["v1", "payments"] if method == "POST":
                return await self._create_payment(request)
            case ["v1", "payments", payment_id, verb] if verb in _VERBS:
                _require(method, "POST")
                return await self._change_payment(request, payment_id, verb), Reply.NORMAL
            case ["v1", "payments", payment_id, verb] if verb in _HAPPENINGS:
                _require(method, "POST")
                return await self._happen(request, payment_id, verb), Reply.NORMAL
            case ["challenge", payment_id]:
                _require(method, "GET", "POST")
                return await self._challenge(request, payment_id), Reply.NORMAL
            case ["v1", "payment_methods"]:
                _require(method, "POST", "OPTIONS")
                return await self._create_payment_method(request), Reply.NORMAL
            case ["v1", "script"]:
                _require(method, "POST", "DELETE")
                return self._script(request), Reply.NORMAL
            case path:
                return await self._read(request, path), Reply.NORMAL

    async def _create_payment(self, request: Request) -> tuple[Response, Reply]:
        body = requests.parse_object(request.body)
        keyed = _keyed(request, "authorise", body)
        base = self._public_url or f"http://{request.header(b'host')}"
        wanted = requests.parse_payment(body)
        answer, reply = await self._provider.create_payment(keyed, wanted, base)
        return _answered(answer), reply

    async def _change_payment(self, request: Request, payment_id: str, verb: str) -> Response:
        body = requests.parse_object(request.body)
        keyed = _keyed(request, verb, body)
        match verb:
            case "capture":
                answer = await self._provider.capture(
                    keyed, payment_id, requests.parse_amount(body)
                )
            case "refund":
                answer = await self._provider.refund(keyed, payment_id, requests.parse_amount(body))
            case "void":
                answer = await self._provider.void(keyed, payment_id)
            case _:
                answer = await self._provider.confirm(keyed, payment_id)
        return _answered(answer)

    async def _happen(self, request: Request, payment_id: str, verb: str) -> Response:
        body = requests.parse_object(request.body)
        keyed, amount = _keyed(request, verb, body), requests.parse_amount(body)
        return _answered(await self._provider.happen(keyed, payment_id, verb, amount))

    async def _create_payment_method(self, request: Request) -> Response:
        if request.scope["method"] == "OPTIONS":
            return Response(NO_CONTENT, headers=_CORS)
        today = time.gmtime(self._clock())
        try:
            card = requests.parse_card(
                requests.parse_object(request.body),
                year=today.tm_year,
                month=today.tm_mon,
            )
            created = await self._provider.create_payment_method(card)
        except Refusal as refusal:
            refused = _refused(refusal)
            return Response(refused.status, refused.body, (JSON, *_CORS))
        return Response(201, created, (JSON, *_CORS))

    async def _challenge(self, request: Request, payment_id: str) -> Response:
        if request.scope["method"] == "GET":
            return Response(200, challenge.page(await self._provider.payment(payment_id)), (HTML,))
        if request.header(b"content-type").startswith("application/json"):
            outcome = requests.parse_object(request.body).get("outcome")
        else:
            outcome = parse_qs(request.body.decode("latin-1")).get("outcome", [""])[0]
        if outcome not in ("success", "fail"):
            raise InvalidRequest("outcome must be success or fail", param="outcome")
        payment = await self._provider.answer_challenge(payment_id, success=outcome == "success")
        if not payment.return_url or "application/json" in request.header(b"accept"):
            return Response(200, orjson.dumps(payment))
        return Response(303, headers=((b"location", challenge.return_address(payment).encode()),))

    def _script(self, request: Request) -> Response:
        if request.scope["method"] == "DELETE":
            self._scripts.clear()
        else:
            self._scripts.add(scripts.parse(requests.parse_object(request.body)))
        return Response(NO_CONTENT, headers=())

    async def _read(self, request: Request, path: list[str]) -> Response:
        _require(request.scope["method"], "GET")
        match path:
            case ["v1", "payments"]:
                payments = await self._provider.payments_with_reference(request.query("reference"))
                return Response(200, orjson.dumps({"payments": payments}))
            case ["v1", "payments", payment_id]:
                return Response(200, orjson.dumps(await self._provider.payment(payment_id)))
            case ["v1", "operations", *key]:
                return Response(200, orjson.dumps(await self._provider.operation("/".join(key))))
            case ["v1", "journal"]:
                return self._journal_page(request)
            case ["healthz"]:
                return Response(200, b'{"status":"ok"}')
        raise NotFound("no such address")

    def _journal_page(self, request: Request) -> Response:
        after = _whole(request.query("after") or "0", "after")
        limit = min(_whole(request.query("limit") or "100", "limit"), _LARGEST_PAGE)
        lines, last = self._journal.page(after, limit)
        return Response(200, b'{"entries":[%b],"last":%d}' % (b",".join(lines), last))


def _scriptable(method: str, path: str) -> str | None:
    """The name a script knows this call by; None for what is never scripted."""
    match path.split("/")[1:]:
        case ["v1", "payments"] if method == "POST":
            return "authorise"
        case ["v1", "payments", _, verb] if verb in _VERBS:
            return verb
        case ["v1", "payments" | "operations", *_]:
            return "fetch"
    return None


def _keyed(request: Request, kind: str, body: dict[str, Any]) -> Keyed:
    key = request.header(b"idempotency-key")
    if not key:
        raise IdempotencyKeyRequired("this call needs an Idempotency-Key header")
    # Over the values, not the bytes: the same body written differently is the same request.
    same = orjson.dumps([request.scope["path"], body], option=orjson.OPT_SORT_KEYS)
    return Keyed(requests.parse_key(key), kind, blake2b(same, digest_size=16).hexdigest())


def _answered(answer: Answer) -> Response:
    return Response(answer.status, answer.body, (JSON,) if answer.first else (JSON, _REPLAYED))


def _refused(refusal: Refusal) -> Response:
    return Response(refusal.status, orjson.dumps(refusal.body()))


def _require(method: str, *allowed: str) -> None:
    if method not in allowed:
        raise MethodNotAllowed(f"use {' or '.join(allowed)}")


def _whole(value: str, name: str) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) < 16):
        raise InvalidRequest(f"{name} must be a whole number", param=name)
    return int(value)
