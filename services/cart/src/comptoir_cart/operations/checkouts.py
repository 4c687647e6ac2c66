"""Holding a cart still while its order is placed."""

from dataclasses import replace

from comptoir_cart import events
from comptoir_cart.domain import carts as domain
from comptoir_cart.domain.carts import Cart, Line, State
from comptoir_cart.domain.checkouts import (
    Checkout,
    CheckoutState,
    require_move,
    require_orderable,
    same_content,
)
from comptoir_cart.domain.priced import PricedCart, Quote
from comptoir_cart.domain.pricing import Rules, price_cart, require_sold
from comptoir_cart.domain.promotions import not_valid
from comptoir_cart.errors import CheckoutClosed, NotTheBuyer
from comptoir_cart.operations.countries import require_served
from comptoir_cart.store import carts as store
from comptoir_cart.store import checkouts, coupons
from comptoir_cart.store.market import lock_cart_with_market, market_for
from comptoir_runtime import etag, ids
from comptoir_runtime.database import Session
from comptoir_runtime.money import exponent


async def lock_for_checkout(
    session: Session,
    rules: Rules,
    cart_id: str,
    checkout_id: str,
    *,
    version: str,
    shown: str,
    buyer: str,
) -> Quote:
    """Holds a cart still for one checkout, which gets the same quote however often it asks.

    `shown` is the fingerprint the buyer agreed to; an empty `buyer` is a seller's word for the
    owner. Raises what the proto names, and `NotTheBuyer`, `CartNotOpen`, `CheckoutClosed`.
    """
    cart, market = await lock_cart_with_market(session, cart_id)
    if buyer and buyer != cart.owner:
        raise NotTheBuyer("the cart belongs to somebody else")
    known = await checkouts.find_checkout(session, checkout_id)
    if known is not None:
        return _same_quote(known, cart)
    await _check_version(session, cart, version)
    now = session.clock.now()
    held = replace(domain.moved(cart, State.CHECKING_OUT, now), checkout=checkout_id)
    priced = price_cart(held, market, rules)
    require_orderable(priced, shown)
    await _reserve_coupons(session, priced, checkout_id)
    quote = Quote(priced, now)
    checkouts.insert_checkout(session, checkout_id, held.id, CheckoutState.HELD, quote, now)
    _save(session, held)
    return quote


async def _check_version(session: Session, cart: Cart, version: str) -> None:
    """Raises `StaleEtag` unless the buyer has seen the cart as it is.

    A checkout that held it and was undone has changed its version and nothing else: the same
    request may be made again after a card was declined.
    """
    if version in ("", etag.of(cart.version)):
        return
    held = await checkouts.released_versions(session, cart.id)
    if version not in map(etag.of, same_content(cart.version, held)):
        etag.check(version, cart.version)


async def unlock(session: Session, rules: Rules, cart_id: str, checkout_id: str) -> PricedCart:
    """Opens a cart again and gives its coupons back, once; another checkout changes nothing.

    A checkout that is unlocked before it has locked can never lock: its lock was only late.
    """
    cart = await store.lock_cart(session, cart_id)
    known = await checkouts.find_checkout(session, checkout_id)
    if known is None:
        now = session.clock.now()
        checkouts.insert_checkout(session, checkout_id, cart_id, CheckoutState.RELEASED, None, now)
    elif known.state is CheckoutState.HELD and known.cart_id == cart.id:
        await coupons.release_uses(session, checkout_id)
        checkouts.move_checkout(session, known, CheckoutState.RELEASED)
        cart = replace(domain.moved(cart, State.OPEN, session.clock.now()), checkout=None)
        _save(session, cart)
    return await _as_it_stands(session, rules, cart)


async def complete_cart(
    session: Session, cart_id: str, checkout_id: str, order_id: str
) -> PricedCart:
    """Marks a cart as ordered and its coupons as redeemed; twice is once.

    Raises `CheckoutClosed` when the checkout does not hold the cart.
    """
    cart = await store.lock_cart(session, cart_id)
    known = await checkouts.find_checkout(session, checkout_id)
    if known is None or known.quote is None or known.cart_id != cart.id:
        raise CheckoutClosed(
            "the checkout does not hold the cart", metadata={"checkout": checkout_id}
        )
    if cart.state is State.ORDERED and cart.order_id == order_id:
        return replace(known.quote.priced, cart=cart)
    require_move(known, CheckoutState.COMPLETED)
    cart = replace(domain.moved(cart, State.ORDERED, session.clock.now()), order_id=order_id)
    if known.quote.priced.coupons:
        coupons.redeem_uses(session, checkout_id)
    checkouts.move_checkout(session, known, CheckoutState.COMPLETED)
    session.emit(events.cart_ordered(cart, order_id, known.quote))
    _save(session, cart)
    return replace(known.quote.priced, cart=cart)


async def quote_lines(
    session: Session,
    rules: Rules,
    lines: tuple[tuple[str, int], ...],
    *,
    channel: str,
    currency: str,
    country: str,
    customer: str,
) -> Quote:
    """Prices (sku, quantity) pairs without a cart; a sku given twice is one line.

    Raises `ProductNotSold`, `QuantityAboveLimit`, `CountryNotServed`.
    """
    now = session.clock.now()
    cart = Cart(
        id="",
        version=0,
        state=State.OPEN,
        channel=channel or domain.DEFAULT_CHANNEL,
        currency=currency or domain.DEFAULT_CURRENCY,
        country=country or domain.DEFAULT_COUNTRY,
        owner=customer,
        lines=domain.by_sku(tuple(Line(ids.new_id("lin"), *line) for line in lines)),
        coupons=(),
        delivery=None,
        created_at=now,
        updated_at=now,
    )
    exponent(cart.currency)
    require_served(rules, cart.country)
    priced = price_cart(cart, await market_for(session, cart), rules)
    for line in cart.lines:
        require_sold(priced, line.sku)
    return Quote(priced, now)


def _same_quote(known: Checkout, cart: Cart) -> Quote:
    if known.quote is None or known.cart_id != cart.id or known.state is CheckoutState.RELEASED:
        raise CheckoutClosed("the checkout is over", metadata={"checkout": known.id})
    return known.quote


async def _reserve_coupons(session: Session, priced: PricedCart, checkout_id: str) -> None:
    # In the order of the codes, so that two checkouts never wait for each other.
    for code in sorted(coupon.code for coupon in priced.coupons if coupon.discount):
        why = await coupons.reserve_use(session, code, priced.cart.owner, checkout_id)
        if why is not None:
            raise not_valid(code, why)


async def _as_it_stands(session: Session, rules: Rules, cart: Cart) -> PricedCart:
    """A cart that is locked by this transaction: as quoted when a checkout has it."""
    if cart.checkout is not None:
        holder = await checkouts.find_checkout(session, cart.checkout)
        if holder is not None and holder.quote is not None:
            return replace(holder.quote.priced, cart=cart)
    return price_cart(cart, await market_for(session, cart), rules)


def _save(session: Session, cart: Cart) -> None:
    store.save_cart(session, cart)
    session.signal(events.cart_changed(cart))
