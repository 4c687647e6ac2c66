"""What questions and writes cost with a million of everything, beside a few thousand."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import asyncpg
from rich.console import Console

from comptoir_audit.audit import Report, audit
from comptoir_audit.invariants.money import M1, M2, M2_GUARDED, M4, M10
from comptoir_audit.settings import Addresses
from comptoir_audit.sources import Connections
from tests.load import authorise
from tests.load.figures import Figure, WrongResult
from tests.load.past import TABLES, Past
from tests.load.shopping import Person, expect_placed, key, plenty_of_goods
from tests.load.world import World, running

OPERATIONS = 1_000_000
_SMALL = 5_000
_ORDERS, _REFUNDS = 24, 12
_TURNS = 15
_LINES = 1000
_IMPORTS = 4
_AUTHORISING_SECONDS = 6.0
_PATIENCE_SECONDS = 120.0

Call: TypeAlias = Callable[[], Awaitable[object]]


async def measure(data: Path, console: Console, operations: int = OPERATIONS) -> list[Figure]:
    """Everything with a small past, and then the same with a large one."""
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(running(data, fresh=True))
        await world.stock_up(console)
        await _sell(world)
        pasts = {name: await stack.enter_async_context(_past(world, name)) for name in TABLES}
        each = await pasts["payments"].first("operation")
        await _grow(pasts, _SMALL // each)
        await _rows(world, "payments", _ACCOUNTS_ARE_OLD)
        small = await _costs(world)
        began = time.perf_counter()
        await _grow(pasts, operations // each)
        grown = time.perf_counter() - began
        large = await _costs(world)
        looked = await _agree(world)
    copies = operations // each
    return [
        Figure("volume", copies * each, "operations"),
        *(Figure(f"volume.{name}", cost, "ms", small[name]) for name, cost in large.items()),
        Figure("volume.growing", grown, "s"),
        Figure("volume.full-audit-of-money", looked.seconds, "s"),
    ]


# The accounts of the first real orders: they came into being with their first entry.
_ACCOUNTS_ARE_OLD = """
UPDATE ledger_account SET created_at = (SELECT min(posted_at) FROM ledger_entry)"""


async def _sell(world: World) -> None:
    """Orders that are over: paid, sent, captured, and some of the money given back."""
    skus = await plenty_of_goods(world, 20)
    buyer, admin = await Person.visitor(world), await Person.administrator(world)
    for turn in range(_ORDERS):
        cart = await buyer.cart(skus[turn % 20], skus[(turn + 7) % 20])
        placed = expect_placed(await buyer.place(cart))
        order = await admin.read(f"/v1/orders/{placed['order']}")
        for parcel in order["fulfilments"]:
            path = f"/v1/fulfilments/{parcel['id']}:ship"
            await admin.write("POST", path, {"carrier": "colissimo"}, key())
        payment = await _taken(admin, order["payments"][0])
        if turn < _REFUNDS:
            body = {"amount": {"currency": "EUR", "amount": "1.00"}}
            await admin.write("POST", f"/v1/payments/{payment}:refund", body, key())
    buyer.close()
    admin.close()


async def _taken(admin: Person, payment: str) -> str:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if (await admin.read(f"/v1/payments/{payment}"))["state"] == "STATE_CAPTURED":
            return payment
        await asyncio.sleep(0.05)
    raise WrongResult(f"{payment} is not captured")


@asynccontextmanager
async def _past(world: World, service: str) -> AsyncIterator[Past]:
    connection = await asyncpg.connect(world.owner_urls[service])
    try:
        past = Past(service, connection)
        await past.begin()
        yield past
    finally:
        await connection.close()


async def _grow(pasts: Mapping[str, Past], copies: int) -> None:
    """An even number: stock is taken and given back in turn."""
    for past in pasts.values():
        await past.grow(copies - copies % 2)


async def _costs(world: World) -> dict[str, float]:
    """Milliseconds of each call, the least of some turns."""
    admin = await Person.administrator(world)
    costs = {name: await _cost(call) for name, call in (await _questions(world, admin)).items()}
    costs |= await _import(world, admin)
    admin.close()
    costs["minutes-audit"] = (await _audit(world, datetime.now(UTC) - timedelta(minutes=1))) * 1000
    figures = {each.name: each for each in await authorise.measure(world, _AUTHORISING_SECONDS)}
    costs["authorise"] = figures["authorise.p50"].value
    costs["authorise.cpu"] = figures["authorise.cpu"].value
    return costs


async def _cost(call: Call) -> float:
    waits = []
    for _ in range(_TURNS):
        began = time.perf_counter()
        await call()
        waits.append(time.perf_counter() - began)
    return min(waits) * 1000


async def _questions(world: World, admin: Person) -> dict[str, Call]:
    old, *_ = await _rows(world, "payments", "SELECT id, order_id FROM payment ORDER BY id LIMIT 1")
    order, *_ = await _rows(world, "orders", "SELECT customer FROM orders ORDER BY id LIMIT 1")
    moved, *_ = await _rows(
        world, "inventory", "SELECT sku FROM movement ORDER BY position LIMIT 1"
    )
    past = (datetime.now(UTC) - timedelta(days=60)).isoformat()
    paths = {
        "trial-balance": "/v1/ledger:trialBalance",
        "trial-balance.past": f"/v1/ledger:trialBalance?asOfTime={past.replace('+00:00', 'Z')}",
        "get-payment": f"/v1/payments/{old['id']}",
        "list-payments": "/v1/payments",
        "list-payments.of-order": f"/v1/payments?order={old['order_id']}",
        "list-orders": "/v1/orders",
        "list-orders.of-customer": f"/v1/orders?customer={order['customer']}",
        "list-orders.of-rare-state": "/v1/orders?state=STATE_PARTIALLY_FULFILLED",
        "list-orders.of-rare-channel": "/v1/orders?channel=nowhere",
        "list-orders.to-review": "/v1/orders?needsReview=true",
        "list-fulfilments.rare": "/v1/fulfilments?state=STATE_READY_FOR_PICKUP",
        "overdue-processes": "/v1/processes:overdue",
        "movements.of-sku": f"/v1/stock/movements?sku={moved['sku']}",
        "movements.of-nowhere": "/v1/stock/movements?location=nowhere",
        "stock-differences": "/v1/stock/differences",
    }
    return {name: _reading(admin, path) for name, path in paths.items()}


def _reading(admin: Person, path: str) -> Call:
    return lambda: admin.read(path)


async def _rows(world: World, service: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(world.owner_urls[service])
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


_CAPTURES = f"""
SELECT o.provider_reference AS reference, o.amount, o.created_at FROM operation AS o
WHERE o.kind = 'capture' AND o.state = 'succeeded' AND o.created_at < now() - interval '10 days'
ORDER BY o.id DESC LIMIT {_LINES * _IMPORTS}"""


async def _import(world: World, admin: Person) -> dict[str, float]:
    """Four times a thousand lines of one report, and the first page of what differs."""
    captures = await _rows(world, "payments", _CAPTURES)
    period = {
        "startTime": captures[-1]["created_at"].strftime("%Y-%m-%dT00:00:00Z"),
        "endTime": (captures[0]["created_at"] + timedelta(days=1)).strftime("%Y-%m-%dT00:00:00Z"),
    }
    path = f"/v1/providers/sandbox/reports/{secrets.token_hex(4)}"
    waits = []
    for start in range(0, len(captures), _LINES):
        some = captures[start : start + _LINES]
        lines = [
            {
                "line": each["reference"],
                "kind": "KIND_CAPTURE",
                "providerReference": each["reference"],
                "amount": {"currency": "EUR", "amount": f"{each['amount'] / 100:.2f}"},
                "bookTime": each["created_at"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            for each in some
        ]
        began = time.perf_counter()
        told = await admin.write("POST", f"{path}:import", {**period, "lines": lines}, key())
        waits.append((time.perf_counter() - began) * 1000 * _LINES / len(some))
        if told["matchedCount"] != len(some):
            raise WrongResult(f"{len(some)} captures were reported: {told}")
    return {
        "import.first": waits[0],
        "import.last": waits[-1],
        "discrepancies": await _cost(_reading(admin, f"{path}/discrepancies")),
    }


async def _audit(world: World, since: datetime) -> float:
    """Seconds; what is wrong with what benchmarks have left behind is not told."""
    async with Connections.open(Addresses(databases=world.owner_urls)) as connections:
        return (await audit(connections, since=since, pause=timedelta())).seconds


async def _agree(world: World) -> Report:
    """The guards of the ledger were off while the past was written: the auditor looks at it all."""
    addresses = Addresses(databases={"payments": world.owner_urls["payments"]})
    async with Connections.open(addresses) as connections:
        report = await audit(connections, invariants=(M1, M2, M2_GUARDED, M4, M10))
    if not report.is_healthy:
        raise WrongResult("; ".join(map(str, report.findings[:3])))
    return report
