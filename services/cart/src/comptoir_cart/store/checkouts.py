"""Checkouts: written once with their quote, then only their state moves."""

from datetime import datetime

from comptoir_cart.domain.checkouts import Checkout, CheckoutState
from comptoir_cart.domain.priced import Quote
from comptoir_cart.store.documents import quote_from
from comptoir_runtime.database import Session

# The cart's lock comes first, so that a checkout and its cart are seen in one state.
_FIND = "SELECT id, cart_id, state, quote FROM checkout WHERE id = $1"

_RELEASED = """
SELECT (quote->'priced'->'cart'->>'version')::int AS version FROM checkout
WHERE cart_id = $1 AND state = 2 AND quote IS NOT NULL"""

_INSERT = """
INSERT INTO checkout (id, cart_id, state, quote, created_at) VALUES ($1, $2, $3, $4, $5)"""

# A move from another state makes NULL of it, which the column refuses.
_MOVE = "UPDATE checkout SET state = CASE WHEN state = $2 THEN $3::smallint END WHERE id = $1"


async def find_checkout(session: Session, checkout_id: str) -> Checkout | None:
    row = await session.fetchrow(_FIND, checkout_id)
    if row is None:
        return None
    quote = None if row["quote"] is None else quote_from(row["quote"])
    return Checkout(row["id"], row["cart_id"], CheckoutState(row["state"]), quote)


async def released_versions(session: Session, cart_id: str) -> set[int]:
    """Versions at which a cart was held by checkouts that were undone."""
    return {row["version"] for row in await session.fetch(_RELEASED, cart_id)}


def insert_checkout(
    session: Session,
    checkout_id: str,
    cart_id: str,
    state: CheckoutState,
    quote: Quote | None,
    now: datetime,
) -> None:
    """Stores a new checkout; with no quote when it is over before it began."""
    session.send(_INSERT, checkout_id, cart_id, state, quote, now)


def move_checkout(session: Session, checkout: Checkout, state: CheckoutState) -> None:
    """Moves a checkout whose cart this transaction has locked."""
    session.send(_MOVE, checkout.id, checkout.state, state)
