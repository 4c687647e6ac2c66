"""Carts: one row each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from comptoir_cart.domain.carts import Cart, State
from comptoir_cart.domain.priced import Quote
from comptoir_cart.errors import CartNotFound
from comptoir_cart.store.documents import delivery_from, lines_from, quote_from
from comptoir_runtime.database import Row, Session, Where

COLUMNS = """c.id, c.version, c.state, c.channel, c.currency, c.country, c.owner, c.lines,
  c.coupons, c.delivery, c.checkout, c.order_id, c.merged_into, c.created_at, c.updated_at"""

_INSERT = """
INSERT INTO cart (id, version, state, channel, currency, country, owner, lines, coupons, delivery,
                  checkout, order_id, merged_into, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"""

_LOCK = f"SELECT {COLUMNS} FROM cart c WHERE c.id = $1 FOR UPDATE"

# In the order of their ids, as always when several are locked.
_LOCK_WITH_LATEST_OPEN = f"""
SELECT {COLUMNS} FROM cart c
WHERE c.id = $1 OR c.id = (
  SELECT o.id FROM cart o
  WHERE o.owner = $2 AND o.state = 1 AND o.id <> $1
    AND o.currency = (SELECT s.currency FROM cart s WHERE s.id = $1)
  ORDER BY o.updated_at DESC, o.id DESC LIMIT 1)
ORDER BY c.id FOR UPDATE"""

_FIND = f"""
SELECT {COLUMNS}, k.quote FROM cart c LEFT JOIN checkout k ON k.id = c.checkout WHERE c.id = $1"""

# The version is a fence: one that does not follow becomes NULL, which the column refuses.
_SAVE = """
UPDATE cart SET version = CASE WHEN version = $2 - 1 THEN $2::int END, state = $3, channel = $4,
  country = $5, owner = $6, lines = $7, coupons = $8, delivery = $9, checkout = $10,
  order_id = $11, merged_into = $12, updated_at = $13
WHERE id = $1"""

_LIST = f"""
SELECT {COLUMNS}, k.quote FROM cart c LEFT JOIN checkout k ON k.id = c.checkout"""

Stored = tuple[Cart, Quote | None]
"""A cart, and the quote of the checkout that holds it or made it an order."""


def insert_cart(session: Session, cart: Cart) -> None:
    """Stores a new cart."""
    session.send(
        _INSERT,
        cart.id,
        cart.version,
        cart.state,
        cart.channel,
        cart.currency,
        cart.country,
        cart.owner,
        cart.lines,
        cart.coupons,
        cart.delivery,
        cart.checkout,
        cart.order_id,
        cart.merged_into,
        cart.created_at,
        cart.updated_at,
    )


async def lock_cart(session: Session, cart_id: str) -> Cart:
    """Locks a cart until the transaction ends; raises `CartNotFound`."""
    row = await session.fetchrow(_LOCK, cart_id)
    if row is None:
        raise not_found(cart_id)
    return cart_from(row)


async def lock_cart_with_latest_open(
    session: Session, cart_id: str, owner: str
) -> tuple[Cart, Cart | None]:
    """Locks a cart and an owner's last changed open cart of its currency; raises `CartNotFound`.

    The second one is None when there is none, or it was taken while we waited for it.
    """
    rows = await session.fetch(_LOCK_WITH_LATEST_OPEN, cart_id, owner)
    carts = {row["id"]: cart_from(row) for row in rows}
    cart = carts.pop(cart_id, None)
    if cart is None:
        raise not_found(cart_id)
    others = [each for each in carts.values() if each.state is State.OPEN and each.owner == owner]
    return cart, others[0] if others else None


async def find_cart(session: Session, cart_id: str) -> Stored:
    """Raises `CartNotFound`."""
    row = await session.fetchrow(_FIND, cart_id)
    if row is None:
        raise not_found(cart_id)
    return cart_from(row), _quote_of(row)


def save_cart(session: Session, cart: Cart) -> None:
    """Stores the next version of a cart that this transaction has locked."""
    session.send(
        _SAVE,
        cart.id,
        cart.version,
        cart.state,
        cart.channel,
        cart.country,
        cart.owner,
        cart.lines,
        cart.coupons,
        cart.delivery,
        cart.checkout,
        cart.order_id,
        cart.merged_into,
        cart.updated_at,
    )


async def list_carts(
    session: Session,
    owner: str,
    state: State | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Stored]:
    """Carts of an owner, last changed first."""
    where = Where()
    where.add("c.owner = {}", owner)
    if state is not None:
        where.add("c.state = {}", state)
    if after is not None:
        where.add("(c.updated_at, c.id) < ({}, {})", *after)
    most = where.parameter(limit)
    rows = await session.fetch(
        f"{_LIST} {where} ORDER BY c.updated_at DESC, c.id DESC LIMIT {most}", *where.values
    )
    return [(cart_from(row), _quote_of(row)) for row in rows]


def cart_from(row: Row) -> Cart:
    """The cart in a row with `COLUMNS`."""
    values: tuple[Any, ...] = tuple(row.values())
    (id_, version, state, channel, currency, country, owner, lines, coupons, delivery) = values[:10]
    checkout, order_id, merged_into, created_at, updated_at = values[10:15]
    return Cart(
        id_,
        version,
        State(state),
        channel,
        currency,
        country,
        owner,
        lines_from(lines),
        tuple(coupons),
        delivery_from(delivery),
        created_at,
        updated_at,
        checkout,
        order_id,
        merged_into,
    )


def not_found(cart_id: str) -> CartNotFound:
    return CartNotFound("there is no such cart", metadata={"cart": cart_id})


def _quote_of(row: Row) -> Quote | None:
    document = row["quote"]
    return None if document is None else quote_from(document)
