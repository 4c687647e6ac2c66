"""Carts: every change answers the whole priced cart."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from comptoir_cart import events
from comptoir_cart.domain import carts as domain
from comptoir_cart.domain.carts import Cart, Delivery, Line, State
from comptoir_cart.domain.priced import PricedCart
from comptoir_cart.domain.pricing import Market, Rules, price_cart, require_sold
from comptoir_cart.domain.promotions import normal_code, require_usable
from comptoir_cart.domain.shipping import OfferedMethod, offered, with_offered_method
from comptoir_cart.operations.access import owner_of_new, require_access
from comptoir_cart.operations.countries import require_served
from comptoir_cart.store import carts as store
from comptoir_cart.store.market import lock_cart_with_market, market_for
from comptoir_runtime import etag, ids
from comptoir_runtime.auth import Kind, Principal
from comptoir_runtime.bus import Bus
from comptoir_runtime.card_numbers import refuse_card_numbers
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.errors import PermissionDenied
from comptoir_runtime.money import exponent
from comptoir_runtime.paging import Moment

# Signals may be lost: a watcher looks for itself after this time.
REREAD_SECONDS = 15.0


async def create_cart(
    session: Session,
    rules: Rules,
    principal: Principal | None,
    *,
    channel: str,
    currency: str,
    country: str,
    customer: str,
) -> PricedCart:
    """Creates an empty cart for the caller, or for the customer a seller names."""
    now = session.clock.now()
    cart = Cart(
        id=ids.new_id("crt"),
        version=1,
        state=State.OPEN,
        channel=channel or domain.DEFAULT_CHANNEL,
        currency=currency or domain.DEFAULT_CURRENCY,
        country=country or domain.DEFAULT_COUNTRY,
        owner=owner_of_new(principal, customer),
        lines=(),
        coupons=(),
        delivery=None,
        created_at=now,
        updated_at=now,
    )
    exponent(cart.currency)
    require_served(rules, cart.country)
    store.insert_cart(session, cart)
    session.emit(events.cart_created(cart))
    return price_cart(cart, Market(now, {}, {}, {}, ()), rules)


async def get_cart(
    session: Session, rules: Rules, principal: Principal | None, cart_id: str
) -> PricedCart:
    """A cart with its present prices; one that is held or ordered, as it was quoted."""
    cart, quote = await store.find_cart(session, cart_id)
    require_access(principal, cart.owner)
    if quote is not None:
        return replace(quote.priced, cart=cart)
    return price_cart(cart, await market_for(session, cart), rules)


async def list_carts(
    session: Session,
    rules: Rules,
    principal: Principal | None,
    *,
    customer: str,
    state: State | None,
    after: Moment | None,
    limit: int,
) -> Sequence[PricedCart]:
    """Carts of the caller or of a seller's customer, last changed first."""
    owner = owner_of_new(principal, customer)
    found = []
    for cart, quote in await store.list_carts(session, owner, state, after, limit):
        if quote is not None:
            found.append(replace(quote.priced, cart=cart))
        else:
            found.append(price_cart(cart, await market_for(session, cart), rules))
    return found


def position(priced: PricedCart) -> Moment:
    """Where a cart stands in its list."""
    return Moment(priced.cart.updated_at, priced.cart.id)


async def watch_cart(
    transactions: Transactions, bus: Bus, rules: Rules, principal: Principal | None, cart_id: str
) -> AsyncGenerator[PricedCart, None]:
    """The cart now, and again after each change, until the listener goes away."""
    shown: tuple[int, str] | None = None
    async with events.changes_of(bus, cart_id) as woken:
        while True:
            woken.clear()
            async with transactions.reading() as session:
                priced = await get_cart(session, rules, principal, cart_id)
            if (priced.cart.version, priced.fingerprint) != shown:
                shown = (priced.cart.version, priced.fingerprint)
                yield priced
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REREAD_SECONDS):
                    await woken.wait()


async def add_line(
    session: Session,
    rules: Rules,
    principal: Principal | None,
    cart_id: str,
    version: str,
    *,
    sku: str,
    quantity: int,
    note: str,
    channel: str,
) -> PricedCart:
    """Adds units of a product the channel sells.

    Raises `ProductNotSold`, `CartFull`, `CardNumberRefused`.
    """
    refuse_card_numbers({"note": note})
    cart, market = await lock_cart_with_market(session, cart_id, sku=sku, channel=channel or None)
    cart = _changed(session, principal, cart, version)
    cart = domain.with_units(cart, Line(ids.new_id("lin"), sku, quantity, note), channel)
    priced = price_cart(cart, market, rules)
    require_sold(priced, sku)
    return _saved(session, priced)


async def set_quantity(
    session: Session,
    rules: Rules,
    principal: Principal | None,
    cart_id: str,
    version: str,
    *,
    line: str,
    quantity: int,
) -> PricedCart:
    """Sets the units of a line; raises `LineNotFound`."""
    cart, market = await lock_cart_with_market(session, cart_id)
    cart = _changed(session, principal, cart, version)
    cart = domain.with_quantity(cart, line, quantity)
    return _saved(session, price_cart(cart, market, rules))


async def remove_line(
    session: Session,
    rules: Rules,
    principal: Principal | None,
    cart_id: str,
    version: str,
    *,
    line: str,
) -> PricedCart:
    """Removes a line; raises `LineNotFound`."""
    cart, market = await lock_cart_with_market(session, cart_id)
    cart = _changed(session, principal, cart, version)
    cart = domain.without_line(cart, line)
    return _saved(session, price_cart(cart, market, rules))


async def apply_coupon(
    session: Session,
    rules: Rules,
    principal: Principal | None,
    cart_id: str,
    version: str,
    *,
    code: str,
) -> PricedCart:
    """Puts a coupon on the cart; raises `CouponNotValid` when nothing can make it count."""
    code = normal_code(code)
    cart, market = await lock_cart_with_market(session, cart_id, coupons=(code,))
    cart = _changed(session, principal, cart, version)
    cart = domain.with_coupon(cart, code)
    priced = price_cart(cart, market, rules)
    require_usable(priced.coupons, code)
    return _saved(session, priced)


async def remove_coupon(
    session: Session,
    rules: Rules,
    principal: Principal | None,
    cart_id: str,
    version: str,
    *,
    code: str,
) -> PricedCart:
    """Takes a coupon off the cart; raises `CouponNotFound`."""
    cart, market = await lock_cart_with_market(session, cart_id)
    cart = _changed(session, principal, cart, version)
    cart = domain.without_coupon(cart, normal_code(code))
    return _saved(session, price_cart(cart, market, rules))


async def set_delivery(
    session: Session,
    rules: Rules,
    principal: Principal | None,
    cart_id: str,
    version: str,
    delivery: Delivery,
) -> PricedCart:
    """Chooses how the goods reach the customer; without a method, the first one offered.

    Raises `CountryNotServed`, `ShippingMethodNotOffered`.
    """
    cart, market = await lock_cart_with_market(session, cart_id, every_shipping_rule=True)
    cart = _changed(session, principal, cart, version)
    cart = domain.with_delivery(cart, delivery)
    require_served(rules, cart.country)
    cart = with_offered_method(cart, market.shipping_rules)
    return _saved(session, price_cart(cart, market, rules))


async def list_shipping_methods(
    session: Session, rules: Rules, principal: Principal | None, cart_id: str
) -> tuple[Cart, Sequence[OfferedMethod]]:
    """The ways of delivery open to a cart with their prices, in the merchant's order."""
    cart, _ = await store.find_cart(session, cart_id)
    require_access(principal, cart.owner)
    market = await market_for(session, cart, every_shipping_rule=True)
    totals = price_cart(cart, market, rules).totals
    return cart, offered(market.shipping_rules, cart, totals.subtotal, totals.discount)


async def merge_carts(
    session: Session, rules: Rules, principal: Principal | None, cart_id: str
) -> PricedCart:
    """Gives a visitor's cart to the customer they signed in as; twice is once.

    Raises `PermissionDenied` unless the caller has proved to be that visitor.
    """
    if principal is None or principal.kind is not Kind.CUSTOMER:
        raise PermissionDenied("only a customer can claim a cart")
    source, target = await store.lock_cart_with_latest_open(session, cart_id, principal.subject)
    require_access(principal, source.owner)
    if source.owner == principal.subject:
        return await get_cart(session, rules, principal, source.id)
    if source.merged_into is not None:
        return await get_cart(session, rules, principal, source.merged_into)
    now = session.clock.now()
    visitor = source.owner
    if target is None:
        cart = replace(domain.changed(source, now), owner=principal.subject)
        session.emit(events.cart_claimed(cart, visitor, "", now))
        return _saved(session, await _priced(session, rules, cart))
    cart = domain.merged(domain.changed(target, now), source)
    gone = replace(domain.moved(source, State.MERGED, now), merged_into=cart.id)
    store.save_cart(session, gone)
    session.signal(events.cart_changed(gone))
    session.emit(events.cart_claimed(cart, visitor, gone.id, now))
    return _saved(session, await _priced(session, rules, cart))


def _changed(session: Session, principal: Principal | None, cart: Cart, version: str) -> Cart:
    """The next version of an open cart, for a caller who may change it."""
    require_access(principal, cart.owner)
    etag.check(version, cart.version)
    return domain.changed(cart, session.clock.now())


async def _priced(session: Session, rules: Rules, cart: Cart) -> PricedCart:
    return price_cart(cart, await market_for(session, cart), rules)


def _saved(session: Session, priced: PricedCart) -> PricedCart:
    store.save_cart(session, priced.cart)
    session.signal(events.cart_changed(priced.cart))
    return priced
