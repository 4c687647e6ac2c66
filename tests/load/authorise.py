"""Authorisations per second with the sandbox provider, beside a bare echo that commits once."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, TypeAlias

import grpc

from comptoir.payments.v1 import payment_pb2
from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir.type.v1.money_pb2 import Money
from comptoir_local.keys import ServiceKeys
from comptoir_local.workspace import Workspace
from comptoir_runtime.auth import ServiceIdentity, keys_of_jwks
from tests.load import echo
from tests.load.figures import Figure, WrongResult, latencies
from tests.load.processes import CLIENT, sample
from tests.load.world import World

AT_ONCE = 16
SECONDS = 8.0
_WARM_UP_SECONDS = 2.0
_PROCEDURE = "/comptoir.payments.v1.PaymentsService/AuthorisePayment"
_CALLER = "orders"
_TIMEOUT = 10.0
_WORTH_TELLING = 0.005

Metadata: TypeAlias = Sequence[tuple[str, str]]


async def measure(world: World, seconds: float = SECONDS) -> list[Figure]:
    """The echo before and after, so that a machine that gets busy is noticed."""
    keys = ServiceKeys(Workspace(world.data).keys)
    identity = ServiceIdentity.from_pem(_CALLER, keys.private(_CALLER), keys_of_jwks(keys.jwks))
    metadata = (("authorization", identity.authorization()),)
    requests = _requests()
    body = next(requests)
    async with _echo(world.owner_urls["payments"]) as address:
        before = await _rate(address, echo.PATH, (), lambda: body, seconds / 2)
        await _rate(
            world.addresses["payments"], _PROCEDURE, metadata, requests.__next__, _WARM_UP_SECONDS
        )
        began = sample(world.runner, world.processes)
        waits = await _rate(
            world.addresses["payments"], _PROCEDURE, metadata, requests.__next__, seconds
        )
        burnt = sample(world.runner, world.processes).since(began)
        after = await _rate(address, echo.PATH, (), lambda: body, seconds / 2)
    reference = (len(before) + len(after)) / seconds
    each = {name: used / len(waits) * 1000 for name, used in burnt.items()}
    ours = sum(used for name, used in each.items() if name != CLIENT)
    return [
        Figure("authorise", len(waits) / seconds, "authorisations/s", reference),
        *latencies("authorise", waits),
        *latencies("authorise.echo", before + after),
        Figure("authorise.cpu", ours, "ms/authorisation"),
        *(
            Figure(f"authorise.cpu.{name}", used, "ms/authorisation")
            for name, used in each.items()
            if used >= _WORTH_TELLING
        ),
    ]


async def _rate(
    address: str, path: str, metadata: Metadata, make: Callable[[], bytes], seconds: float
) -> list[float]:
    """How long each call took that ended in time; WrongResult for one that was refused."""
    waits: list[float] = []
    end = time.perf_counter() + seconds
    async with grpc.aio.insecure_channel(address) as channel:
        call: Any = channel.unary_unary(path)

        async def caller() -> None:
            while (started := time.perf_counter()) < end:
                try:
                    answer = await call(make(), metadata=metadata, timeout=_TIMEOUT)
                except grpc.aio.AioRpcError as error:
                    raise WrongResult(f"{path} was refused: {error.details()}") from None
                if path == _PROCEDURE:
                    _require_authorised(answer)
                waits.append(time.perf_counter() - started)

        await asyncio.gather(*(caller() for _ in range(AT_ONCE)))
    return waits


def _require_authorised(answer: bytes) -> None:
    payment = payment_pb2.Payment.FromString(answer)
    if payment.state != payment_pb2.Payment.STATE_AUTHORISED:
        raise WrongResult(f"{payment.id} is not authorised")


def _requests() -> Iterator[bytes]:
    run = os.urandom(4).hex()
    return (
        pb.AuthorisePaymentRequest(
            request_id=f"bench-{run}-{number}",
            order=f"ord_bench_{run}_{number}",
            payer="cus_bench",
            amount=Money(currency="EUR", amount="42.00"),
            method="card",
            token="pm_card_visa",
            return_url="https://shop.example/return",
        ).SerializeToString()
        for number in count()
    )


@asynccontextmanager
async def _echo(database_url: str) -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.load.echo",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "DATABASE_URL": database_url},
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await process.wait()
