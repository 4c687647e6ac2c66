"""Notices as the provider sends them, and a listener that hands them to the service."""

import hashlib
import hmac
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from comptoir.payments.v1 import payment_pb2
from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir_runtime.errors import RemoteFailure
from comptoir_runtime.money import to_minor
from comptoir_testing.harness import ServiceHarness
from services.payments.tests.integration.psp import SECRET


def notice_about(payment: payment_pb2.Payment, **changes: Any) -> dict[str, Any]:
    """An event that says what our books say, unless `changes` say otherwise."""
    told = {
        "id": payment.provider_reference,
        "status": "authorised",
        "reference": payment.id,
        "amount": to_minor(payment.amount),
        "currency": payment.amount.currency,
        "authorised_amount": to_minor(payment.authorised_amount),
        "captured_amount": to_minor(payment.captured_amount),
        "voided_amount": 0,
        "refunded_amount": to_minor(payment.refunded_amount),
        "decline_code": None,
        "action": None,
        "card": {"brand": "visa", "last4": "4242"},
        "expires_at": 4_000_000_000,
    }
    return {
        "id": f"evt_{os.urandom(6).hex()}",
        "type": "payment.authorised",
        "created_at": 1_800_000_000,
        "data": {"payment": told | changes},
    }


def signed(
    notice: dict[str, Any], at: datetime, secret: str = SECRET, provider: str = "sandbox"
) -> pb.HandleWebhookRequest:
    return signed_bytes(orjson.dumps(notice), at, secret, provider)


def signed_bytes(
    body: bytes, at: datetime, secret: str = SECRET, provider: str = "sandbox"
) -> pb.HandleWebhookRequest:
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), b"%d.%b" % (seconds, body), hashlib.sha256).hexdigest()
    header = f"t={seconds},v1={digest}"
    return pb.HandleWebhookRequest(
        provider=provider, body=body, headers={"sandbox-signature": header}
    )


async def handle(harness: ServiceHarness, request: pb.HandleWebhookRequest) -> bool:
    """Without any token, as the provider has none."""
    answer = await harness.call("HandleWebhook", request)
    return bool(answer.new)


@dataclass
class Listener:
    """Stands where the gateway stands: raw body and headers in, HandleWebhook, status out."""

    port: int
    provider: str = "sandbox"
    harness: ServiceHarness | None = None
    new: list[bool] = field(default_factory=list)
    """What HandleWebhook answered, in order."""
    types: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        if self.harness is None:
            return web.Response(status=503)
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        wanted = pb.HandleWebhookRequest(provider=self.provider, body=body, headers=headers)
        try:
            answer = await self.harness.call("HandleWebhook", wanted)
        except RemoteFailure:
            return web.Response(status=400)
        self.types.append(orjson.loads(body)["type"])
        self.new.append(answer.new)
        return web.Response(status=204)


@asynccontextmanager
async def listening(provider: str = "sandbox") -> AsyncIterator[Listener]:
    app, listener = web.Application(), Listener(0, provider)
    app.router.add_post("/hook", listener.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    listener.port = runner.addresses[0][1]
    try:
        yield listener
    finally:
        await runner.cleanup()
