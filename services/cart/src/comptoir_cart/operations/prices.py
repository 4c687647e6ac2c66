"""Price lists and prices, and telling everybody what things cost."""

from collections.abc import Sequence

from comptoir_cart import events
from comptoir_cart.domain.carts import DEFAULT_CHANNEL, DEFAULT_CURRENCY
from comptoir_cart.domain.prices import (
    Price,
    PriceList,
    ResolvedPrice,
    require_settable,
    resolve_all,
)
from comptoir_cart.errors import CurrencyFixed, PriceListNotFound
from comptoir_cart.operations.access import customer_of
from comptoir_cart.store import market
from comptoir_cart.store import prices as store
from comptoir_runtime.auth import Principal
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.money import exponent


async def get_prices(
    session: Session,
    principal: Principal | None,
    skus: Sequence[str],
    *,
    channel: str,
    currency: str,
) -> Sequence[ResolvedPrice]:
    """The prices of the caller, one entry per sku in the order asked."""
    currency = currency or DEFAULT_CURRENCY
    exponent(currency)
    found = await market.prices_for(
        session, skus, currency, channel or DEFAULT_CHANNEL, customer_of(principal)
    )
    return [resolve_all(sku, found.get(sku, ())) for sku in skus]


async def put_price_list(session: Session, price_list: PriceList) -> PriceList:
    """Creates or changes a price list; raises `CurrencyFixed` once it has prices."""
    exponent(price_list.currency)
    announced = price_list.open_to_everybody(session.clock.now())
    known = await store.lock_price_list(session, price_list.code)
    if known is None:
        await store.put_price_list(session, price_list, announced=announced)
        return price_list
    before, was_announced = known
    if before.currency != price_list.currency and await store.has_prices(session, before.code):
        raise CurrencyFixed(
            "the list has prices in its currency", metadata={"currency": before.currency}
        )
    await store.put_price_list(session, price_list, announced=announced)
    moved = announced and before.channel != price_list.channel
    if announced != was_announced or moved:
        await _announce(session, await store.skus_of_list(session, price_list.code))
    return price_list


async def list_price_lists(session: Session, after: str, limit: int) -> Sequence[PriceList]:
    """Price lists in the order of their codes."""
    return await store.list_price_lists(session, after, limit)


async def set_prices(session: Session, code: str, prices: Sequence[Price]) -> int:
    """Sets prices, all or none; answers how many are new or other than before.

    Raises `PriceListNotFound`, `InvalidFields`.
    """
    known = await store.share_price_list(session, code)
    if known is None:
        raise PriceListNotFound("there is no such price list", metadata={"price_list": code})
    price_list, announced = known
    require_settable(prices, price_list.currency)
    changed = await store.set_prices(session, code, prices)
    if announced:
        await _announce(session, changed)
    return len(changed)


async def announce_due(transactions: Transactions) -> bool:
    """Announces one list whose time has come, or takes one back whose time is over.

    A process: answers whether there was one, so that it is called until there is none left.
    """
    return await transactions.run(_announce_next)


async def _announce_next(session: Session) -> bool:
    now = session.clock.now()
    due = await store.lock_due_price_list(session, now)
    if due is None:
        return False
    await store.put_price_list(session, due, announced=due.open_to_everybody(now))
    await _announce(session, await store.skus_of_list(session, due.code))
    return True


async def _announce(session: Session, skus: Sequence[str]) -> None:
    """Tells the new prices of the skus to everybody."""
    versions = await store.next_versions(session, sorted(set(skus)))
    prices = await store.announced_prices(session, list(versions))
    for sku, version in versions.items():
        session.emit(events.price_state(sku, version, prices[sku]))
