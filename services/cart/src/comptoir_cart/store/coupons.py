"""Coupons and their uses. Counters change by guarded statements only, coupon by coupon."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from comptoir_cart.domain.promotions import Coupon, Why
from comptoir_runtime.database import Row, Session

COLUMNS = """code, effect, value, currency, label, minimum_subtotal, usage_limit,
  usage_limit_per_customer, used_count, valid_from, valid_to"""

# A limit below the uses leaves the row as it is: RETURNING then has nothing.
_PUT = f"""
INSERT INTO coupon ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10)
ON CONFLICT (code) DO UPDATE SET effect = $2, value = $3, currency = $4, label = $5,
  minimum_subtotal = $6, usage_limit = $7, usage_limit_per_customer = $8, valid_from = $9,
  valid_to = $10
WHERE $7 = 0 OR coupon.used_count <= $7
RETURNING used_count"""

_LIST = f"SELECT {COLUMNS} FROM coupon WHERE code > $1 ORDER BY code LIMIT $2"

# Both limits and the use in one statement: whoever comes second waits for the row, and then sees
# the count of the first. A customer's count below 1 cannot be, so the insert needs no guard.
_RESERVE = """
WITH counted AS (
  UPDATE coupon SET used_count = used_count + 1
  WHERE code = $1 AND (usage_limit = 0 OR used_count < usage_limit)
  RETURNING code, usage_limit_per_customer
), of_customer AS (
  INSERT INTO coupon_customer AS u (code, customer, used_count)
  SELECT code, $2, 1 FROM counted
  ON CONFLICT (code, customer) DO UPDATE SET used_count = u.used_count + 1
  WHERE (SELECT usage_limit_per_customer FROM counted) = 0
     OR u.used_count < (SELECT usage_limit_per_customer FROM counted)
  RETURNING code
), used AS (
  INSERT INTO redemption (checkout, code, customer, state)
  SELECT $3, code, $2, 1 FROM of_customer
)
SELECT EXISTS (SELECT FROM counted), EXISTS (SELECT FROM of_customer)"""

_RESERVED = "SELECT code FROM redemption WHERE checkout = $1 AND state = 1 ORDER BY code"

# The state is the guard: a use is given back once. The coupon is locked before the count of the
# customer, as above.
_RELEASE = """
WITH released AS (
  UPDATE redemption SET state = 3 WHERE checkout = $1 AND code = $2 AND state = 1
  RETURNING code, customer
), counted AS (
  UPDATE coupon c SET used_count = c.used_count - 1 FROM released r WHERE c.code = r.code
  RETURNING r.code, r.customer
)
UPDATE coupon_customer u SET used_count = u.used_count - 1
FROM counted r WHERE u.code = r.code AND u.customer = r.customer"""

_REDEEM = "UPDATE redemption SET state = 2 WHERE checkout = $1 AND state = 1"


async def put_coupon(session: Session, coupon: Coupon) -> int | None:
    """Creates or changes a coupon; its uses so far, None when they exceed the new limit."""
    used: int | None = await session.fetchval(
        _PUT,
        coupon.code,
        coupon.effect,
        coupon.value,
        coupon.currency,
        coupon.label,
        coupon.minimum_subtotal,
        coupon.usage_limit,
        coupon.usage_limit_per_customer,
        coupon.valid_from,
        coupon.valid_to,
    )
    return used


async def list_coupons(session: Session, after: str, limit: int) -> Sequence[Coupon]:
    """Coupons in the order of their codes."""
    return [coupon_from(row) for row in await session.fetch(_LIST, after, limit)]


async def reserve_use(session: Session, code: str, customer: str, checkout: str) -> Why | None:
    """Counts one use of a coupon; answers why not when a limit is reached: then roll back."""
    row = await session.fetchrow(_RESERVE, code, customer, checkout)
    if row is None or not row[0]:
        return Why.USED_UP
    return None if row[1] else Why.USED_BY_CUSTOMER


async def release_uses(session: Session, checkout: str) -> None:
    """Gives back what the checkout has reserved, once."""
    for row in await session.fetch(_RESERVED, checkout):
        session.send(_RELEASE, checkout, row["code"])


def redeem_uses(session: Session, checkout: str) -> None:
    """Makes what the checkout has reserved final."""
    session.send(_REDEEM, checkout)


def coupon_from(row: Row | Mapping[str, Any]) -> Coupon:
    """The coupon in a row, or in the same row as a document."""
    return Coupon(
        code=row["code"],
        effect=row["effect"],
        value=row["value"],
        currency=row["currency"],
        label=row["label"],
        minimum_subtotal=row["minimum_subtotal"],
        usage_limit=row["usage_limit"],
        usage_limit_per_customer=row["usage_limit_per_customer"],
        used_count=row["used_count"],
        valid_from=_time(row["valid_from"]),
        valid_to=_time(row["valid_to"]),
        used_by_owner=row.get("used_by_owner", 0),
    )


def _time(value: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
