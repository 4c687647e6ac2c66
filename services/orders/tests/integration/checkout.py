"""Placing an order without a server, and looking at what came of it."""

from typing import Any

from comptoir_orders.domain.processes import Kind
from comptoir_orders.domain.tenders import TenderChoice
from comptoir_orders.operations.news import payment_settled
from comptoir_orders.operations.placing import place_order
from comptoir_orders.store import orders as order_store
from comptoir_orders.store import processes
from comptoir_orders.store.orders import Filter
from comptoir_orders.store.processes import Process
from comptoir_runtime.database import Database
from comptoir_runtime.idempotency import RequestKey
from services.orders.tests import factories
from services.orders.tests.integration.conftest import Replica


async def place(
    replica: Replica,
    *,
    cart: str = "crt_1",
    token: str = "tok_ok",
    caller: str = "cus_test",
    request_id: str = "req-1",
    body: bytes = b"body",
    buyer: str | None = None,
    patience: float = 5.0,
    tenders: tuple[TenderChoice, ...] = (),
) -> Process:
    return await place_order(
        replica.transactions,
        replica.runner,
        RequestKey("", caller, request_id, body),
        factories.intent(
            cart, token=token, buyer=caller if buyer is None else buyer, tenders=tenders
        ),
        patience,
    )


async def the_placement(database: Database) -> Process:
    async with database.transactions.reading() as session:
        row = await session.fetchrow("SELECT id FROM process WHERE kind = 'PLACEMENT'")
        assert row is not None
        found = await processes.by_id(session, row["id"], Kind.PLACEMENT)
    assert found is not None
    return found


async def orders(database: Database) -> list[Any]:
    async with database.transactions.reading() as session:
        return list(await order_store.page(session, Filter(), 100, None))


async def outbox(database: Database) -> list[str]:
    async with database.transactions.reading() as session:
        rows = await session.fetch("SELECT type FROM outbox ORDER BY position")
    return [row["type"].rsplit(".", 1)[1] for row in rows]


async def news(database: Database, order: str) -> None:
    async with database.transactions() as session:
        await payment_settled(session, order, lambda: None)
