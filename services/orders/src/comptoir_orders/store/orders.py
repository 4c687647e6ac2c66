"""Orders: one row each, with what never changes as a document."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg

from comptoir_orders.domain.fulfilments import Fulfilment
from comptoir_orders.domain.orders import Order, OrderContent, OrderState, ReviewReason
from comptoir_orders.errors import CartAlreadyOrdered, Overtaken
from comptoir_orders.store import fulfilments as fulfilment_store
from comptoir_orders.store.documents import read
from comptoir_orders.store.processes import Process
from comptoir_runtime.database import Row, Session, Where

_COLUMNS = """id, number, version, state, channel, customer, currency, cart, document, captured,
  cancel_reason, placed_at, updated_at"""

_READ = f"{_COLUMNS}, review"

# One statement: the process ends, the order and its fulfilments begin, or nothing happens.
_PLACE = f"""
WITH ended AS (
  UPDATE process SET state = $4, version = version + 1, document = $5, lease_owner = NULL,
    lease_until = NULL, next_run_at = NULL, updated_at = $17
  WHERE id = $1 AND version = $2 AND state = $3 AND called_off IS NULL
  RETURNING id),
placed AS (
  INSERT INTO orders ({_COLUMNS}, total)
  SELECT $6, $7, 1, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18 FROM ended
  RETURNING id)
INSERT INTO fulfilment (id, order_id, position, location, state, mode, lines, goods, shipping,
  currency, version, carrier, tracking_number, fulfilled_at, created_at, expected_at)
SELECT f.id, placed.id, f.position, f.location, f.state, f.mode, f.lines, f.goods, f.shipping,
  $11, 1, '', '', f.fulfilled_at, $16, f.expected_at
FROM placed, unnest($19::text[], $20::integer[], $21::text[], $22::text[], $23::text[],
  $24::jsonb[], $25::bigint[], $26::bigint[], $27::timestamptz[], $28::timestamptz[])
  AS f (id, position, location, state, mode, lines, goods, shipping, fulfilled_at,
    expected_at)"""

# In the words of the index of those that are not over.
_STILL_OPEN = "state IN ('PLACED', 'CANCELLING', 'PARTIALLY_FULFILLED')"
_OPEN = frozenset({OrderState.PLACED, OrderState.CANCELLING, OrderState.PARTIALLY_FULFILLED})

_BY_ID = f"SELECT {_READ} FROM orders WHERE id = $1"
_BY_NUMBER = f"SELECT {_READ} FROM orders WHERE number = $1"
_LOCK = f"{_BY_ID} FOR UPDATE"
_LOCK_BY_FULFILMENT = f"""
SELECT {_READ} FROM orders WHERE id = (SELECT order_id FROM fulfilment WHERE id = $1)
FOR UPDATE"""

_SAVE = """
UPDATE orders SET state = $2, version = version + 1, cancel_reason = $3, updated_at = $4
WHERE id = $1"""

_CAPTURED = """
UPDATE orders SET captured = captured + $2, version = version + 1, updated_at = $3
WHERE id = $1 RETURNING version"""

# News of a payment may arrive in another order: what is older than what is known changes nothing.
# Facts of before payments told their version have none, and count as they come.
_REVIEW = """
WITH known AS (
  SELECT id, coalesce(review ->> $2, '') <> $3 AS is_news FROM orders
  WHERE id = $1 AND ($5::bigint = 0 OR coalesce((reviewed ->> $2)::bigint, 0) < $5) FOR UPDATE)
UPDATE orders SET
  version = CASE WHEN is_news THEN version + 1 ELSE version END,
  updated_at = CASE WHEN is_news THEN $4 ELSE updated_at END,
  review = CASE WHEN $3 = '' THEN review - $2 ELSE review || jsonb_build_object($2, $3) END,
  reviewed = reviewed || jsonb_build_object($2, $5::bigint)
FROM known WHERE orders.id = known.id
RETURNING CASE WHEN is_news THEN version END"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which orders to list; None means all."""

    customers: tuple[str, ...] | None = None
    state: tuple[OrderState, ...] | None = None
    channel: str | None = None
    needs_review: bool = False
    placed_from: datetime | None = None
    placed_before: datetime | None = None


async def place(session: Session, before: Process, after: Process, order: Order) -> None:
    """Ends the process with its order.

    Raises `Overtaken` when the process is somebody else's now or called off, `CartAlreadyOrdered`
    when the cart has become another order; the transaction is then lost.
    """
    content = order.content
    parcels = order.fulfilments
    try:
        tag = await session.execute(
            _PLACE,
            before.id,
            before.version,
            before.state,
            after.state,
            after.document,
            order.id,
            order.number,
            order.state,
            order.channel,
            order.customer,
            order.currency,
            order.cart,
            content,
            order.captured,
            order.cancel_reason,
            order.placed_at,
            order.updated_at,
            content.totals.total,
            [each.id for each in parcels],
            [each.position for each in parcels],
            [each.location for each in parcels],
            [each.state for each in parcels],
            [each.mode for each in parcels],
            [each.lines for each in parcels],
            [each.goods for each in parcels],
            [each.shipping for each in parcels],
            [each.fulfilled_at for each in parcels],
            [each.expected_at for each in parcels],
        )
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "uq_orders_cart":
            raise CartAlreadyOrdered("this cart has become another order") from error
        raise
    if tag != f"INSERT 0 {len(parcels)}":
        raise Overtaken(before.id)


async def by_id(session: Session, order_id: str) -> Order | None:
    return await _whole(session, await session.fetchrow(_BY_ID, order_id))


async def by_number(session: Session, number: str) -> Order | None:
    return await _whole(session, await session.fetchrow(_BY_NUMBER, number))


async def lock(session: Session, order_id: str) -> Order | None:
    """The order with its fulfilments, held until the transaction ends."""
    return await _whole(session, await session.fetchrow(_LOCK, order_id))


async def lock_by_fulfilment(session: Session, fulfilment_id: str) -> Order | None:
    """As `lock`, by one of the fulfilments. The order is locked before them, always."""
    return await _whole(session, await session.fetchrow(_LOCK_BY_FULFILMENT, fulfilment_id))


async def save(session: Session, order: Order) -> None:
    """Writes state and words of a locked order; its version grows by one."""
    await session.execute(_SAVE, order.id, order.state, order.cancel_reason, order.updated_at)


async def add_captured(session: Session, order_id: str, amount: int) -> int:
    """Adds what was taken; answers the order's version. More than the total is impossible."""
    version: int = await session.fetchval(_CAPTURED, order_id, amount, session.clock.now())
    return version


async def review(
    session: Session, order_id: str, payment: str, of: int, reason: ReviewReason | None
) -> int | None:
    """Notes what is to be looked at of version `of` of a payment.

    Answers the order's version when that is news.
    """
    version: int | None = await session.fetchval(
        _REVIEW, order_id, payment, reason or "", session.clock.now(), of
    )
    return version


async def page(
    session: Session, wanted: Filter, size: int, after: tuple[datetime, str] | None
) -> list[Order]:
    """Up to `size` orders, newest first, after the one with this time and id."""
    where = Where()
    if wanted.customers is not None:
        where.add("customer = ANY({}::text[])", list(wanted.customers))
    if wanted.state is not None:
        where.add("state = ANY({}::text[])", list(wanted.state))
        if _OPEN.issuperset(wanted.state):
            where.add(_STILL_OPEN)
    if wanted.needs_review:
        where.add("review <> '{{}}'::jsonb")
    if after is None and wanted.placed_before is not None:
        # No id is less than this one.
        after = wanted.placed_before, ""
    channel = None if wanted.channel is None else ("channel", wanted.channel)
    order = where.walk(
        ("placed_at", "id"), after, among=channel, until=wanted.placed_from, descending=True
    )
    most = where.parameter(size)
    rows = await session.fetch(
        f"SELECT {_READ} FROM orders {where} {order} LIMIT {most}", *where.values
    )
    parcels = await fulfilment_store.of_orders(session, [row["id"] for row in rows])
    return [replace(_order(row), fulfilments=parcels.get(row["id"], ())) for row in rows]


async def _whole(session: Session, row: Row | None) -> Order | None:
    if row is None:
        return None
    parcels: Sequence[Fulfilment] = await fulfilment_store.of_order(session, row["id"])
    return replace(_order(row), fulfilments=tuple(parcels))


def _order(row: Row) -> Order:
    return Order(
        id=row["id"],
        number=row["number"],
        version=row["version"],
        state=OrderState(row["state"]),
        channel=row["channel"],
        customer=row["customer"],
        currency=row["currency"],
        cart=row["cart"],
        content=read(OrderContent, row["document"]),
        captured=row["captured"],
        cancel_reason=row["cancel_reason"],
        placed_at=row["placed_at"],
        updated_at=row["updated_at"],
        reviews=tuple(
            (payment, ReviewReason(reason)) for payment, reason in sorted(row["review"].items())
        ),
    )
