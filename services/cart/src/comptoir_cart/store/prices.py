"""Price lists and prices, and the states they are announced with."""

from collections.abc import Sequence
from datetime import datetime

from comptoir_cart.domain.prices import AnnouncedPrice, Price, PriceList
from comptoir_runtime.database import Row, Session

_LIST_COLUMNS = """code, currency, tax_included, channel, customer_group, priority, valid_from,
  valid_to"""

_LOCK_LIST = f"SELECT {_LIST_COLUMNS}, announced FROM price_list WHERE code = $1 FOR UPDATE"
_SHARE_LIST = f"SELECT {_LIST_COLUMNS}, announced FROM price_list WHERE code = $1 FOR SHARE"
_HAS_PRICES = "SELECT EXISTS (SELECT FROM price WHERE price_list = $1)"

_PUT_LIST = f"""
INSERT INTO price_list ({_LIST_COLUMNS}, announced)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (code) DO UPDATE SET currency = $2, tax_included = $3, channel = $4,
  customer_group = $5, priority = $6, valid_from = $7, valid_to = $8, announced = $9"""

_LISTS = f"SELECT {_LIST_COLUMNS} FROM price_list WHERE code > $1 ORDER BY code LIMIT $2"

_SET = """
INSERT INTO price AS p (sku, price_list, min_quantity, amount)
SELECT sku, $1, min_quantity, amount
FROM unnest($2::text[], $3::int[], $4::bigint[]) AS new (sku, min_quantity, amount)
ORDER BY sku, min_quantity
ON CONFLICT (sku, price_list, min_quantity) DO UPDATE SET amount = excluded.amount
WHERE p.amount <> excluded.amount
RETURNING sku"""

_SKUS_OF_LIST = "SELECT DISTINCT sku FROM price WHERE price_list = $1"

# The lock on a sku's version comes before its prices are read: so a higher version has seen all
# that a lower one has.
_BUMP = """
INSERT INTO price_version AS v (sku, version)
SELECT sku, 1 FROM unnest($1::text[]) AS changed (sku) ORDER BY sku
ON CONFLICT (sku) DO UPDATE SET version = v.version + 1
RETURNING sku, version"""

_ANNOUNCED = """
SELECT p.sku, l.code, l.channel, l.currency, p.amount
FROM price p JOIN price_list l ON l.code = p.price_list
WHERE p.sku = ANY($1) AND p.min_quantity = 1 AND l.announced
ORDER BY p.sku, l.code"""

# Lists whose time has come or gone since they were last announced.
_DUE = f"""
SELECT {_LIST_COLUMNS} FROM price_list
WHERE customer_group = '' AND announced <> (
  (valid_from IS NULL OR valid_from <= $1) AND (valid_to IS NULL OR valid_to > $1))
ORDER BY code LIMIT 1 FOR UPDATE SKIP LOCKED"""


async def lock_price_list(session: Session, code: str) -> tuple[PriceList, bool] | None:
    """Locks a list to change it; with it, whether its prices have been told to everybody."""
    row = await session.fetchrow(_LOCK_LIST, code)
    return None if row is None else (_list_from(row), row["announced"])


async def share_price_list(session: Session, code: str) -> tuple[PriceList, bool] | None:
    """As `lock_price_list`, but others may set prices at the same time."""
    row = await session.fetchrow(_SHARE_LIST, code)
    return None if row is None else (_list_from(row), row["announced"])


async def has_prices(session: Session, code: str) -> bool:
    return bool(await session.fetchval(_HAS_PRICES, code))


async def put_price_list(session: Session, price_list: PriceList, *, announced: bool) -> None:
    """Creates or changes a list; `announced` says whether its prices are told to everybody."""
    await session.execute(
        _PUT_LIST,
        price_list.code,
        price_list.currency,
        price_list.tax_included,
        price_list.channel,
        price_list.customer_group,
        price_list.priority,
        price_list.valid_from,
        price_list.valid_to,
        announced,
    )


async def list_price_lists(session: Session, after: str, limit: int) -> Sequence[PriceList]:
    """Lists in the order of their codes."""
    return [_list_from(row) for row in await session.fetch(_LISTS, after, limit)]


async def set_prices(session: Session, code: str, prices: Sequence[Price]) -> list[str]:
    """Stores prices; answers the sku of each that is new or other than before."""
    rows = await session.fetch(
        _SET,
        code,
        [price.sku for price in prices],
        [price.min_quantity for price in prices],
        [price.amount for price in prices],
    )
    return [row["sku"] for row in rows]


async def skus_of_list(session: Session, code: str) -> list[str]:
    return [row["sku"] for row in await session.fetch(_SKUS_OF_LIST, code)]


async def next_versions(session: Session, skus: Sequence[str]) -> dict[str, int]:
    """Gives each sku its next version and locks it until the transaction ends."""
    return {row["sku"]: row["version"] for row in await session.fetch(_BUMP, skus)}


async def announced_prices(
    session: Session, skus: Sequence[str]
) -> dict[str, list[AnnouncedPrice]]:
    """The prices of one unit that are told to everybody, by sku."""
    found: dict[str, list[AnnouncedPrice]] = {sku: [] for sku in skus}
    for row in await session.fetch(_ANNOUNCED, skus):
        found[row["sku"]].append(
            AnnouncedPrice(row["code"], row["channel"], row["currency"], row["amount"])
        )
    return found


async def lock_due_price_list(session: Session, now: datetime) -> PriceList | None:
    """A list that must be announced or taken back, locked; None when there is none."""
    row = await session.fetchrow(_DUE, now)
    return None if row is None else _list_from(row)


def _list_from(row: Row) -> PriceList:
    return PriceList(*list(row.values())[:8])
