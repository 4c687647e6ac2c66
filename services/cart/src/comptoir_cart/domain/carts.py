"""A cart and the changes it allows. Changes answer a new cart; nothing is priced here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum

from comptoir_cart.errors import (
    CartFull,
    CartNotOpen,
    CouponNotFound,
    LineNotFound,
    QuantityAboveLimit,
    TooManyCoupons,
)

DEFAULT_CHANNEL = "web"
DEFAULT_CURRENCY = "EUR"
DEFAULT_COUNTRY = "FR"

MAX_LINES = 200
MAX_QUANTITY = 9_999
MAX_COUPONS = 10


class State(IntEnum):
    """Numbers as in `comptoir.cart.v1.Cart.State`."""

    OPEN = 1
    CHECKING_OUT = 2
    ORDERED = 3
    MERGED = 4
    ABANDONED = 5


MOVES: Mapping[State, frozenset[State]] = {
    State.OPEN: frozenset({State.CHECKING_OUT, State.MERGED, State.ABANDONED}),
    State.CHECKING_OUT: frozenset({State.OPEN, State.ORDERED}),
    State.ORDERED: frozenset(),
    State.MERGED: frozenset(),
    State.ABANDONED: frozenset({State.OPEN}),
}
assert MOVES.keys() == set(State)


class Mode(IntEnum):
    """Numbers as in `comptoir.cart.v1.Delivery.Mode`."""

    SHIP = 1
    PICK_UP = 2


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address; the point is WGS 84."""

    recipient: str
    lines: tuple[str, ...]
    postal_code: str
    city: str
    country: str
    phone: str = ""
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How goods reach the customer: to an address, or to a store named by its code."""

    mode: Mode
    address: Address | None
    location: str
    shipping_method: str


@dataclass(frozen=True, slots=True)
class Line:
    """Units of one sku; a cart has at most one line of each sku."""

    id: str
    sku: str
    quantity: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cart:
    """What somebody wants. `owner` is the id of a customer or a visitor."""

    id: str
    version: int
    state: State
    channel: str
    currency: str
    country: str
    owner: str
    lines: tuple[Line, ...]
    coupons: tuple[str, ...]
    delivery: Delivery | None
    created_at: datetime
    updated_at: datetime
    checkout: str | None = None
    """The checkout that holds it, or that made it an order."""
    order_id: str | None = None
    merged_into: str | None = None

    def require_open(self) -> None:
        """Raises `CartNotOpen` unless the cart may be changed."""
        if self.state is not State.OPEN:
            raise CartNotOpen(
                "the cart cannot be changed in its state", metadata={"state": self.state.name}
            )

    def line(self, line_id: str) -> Line:
        """Raises `LineNotFound`."""
        for line in self.lines:
            if line.id == line_id:
                return line
        raise LineNotFound("the cart has no such line", metadata={"line": line_id})


def changed(cart: Cart, now: datetime) -> Cart:
    """The next version of an open cart, as of now."""
    cart.require_open()
    return replace(cart, version=cart.version + 1, updated_at=now)


def moved(cart: Cart, state: State, now: datetime) -> Cart:
    """The cart in its next state; raises `CartNotOpen` when the move is not allowed."""
    if state not in MOVES[cart.state]:
        raise CartNotOpen(
            f"a cart cannot go from {cart.state.name} to {state.name}",
            metadata={"state": cart.state.name},
        )
    return replace(cart, state=state, version=cart.version + 1, updated_at=now)


def with_units(cart: Cart, added: Line, channel: str) -> Cart:
    """The cart with more units of a sku: its line grows, or there is a new one at the end.

    Raises `QuantityAboveLimit`, `CartFull`.
    """
    lines = list(cart.lines)
    for index, line in enumerate(lines):
        if line.sku == added.sku:
            quantity = _limited(line.quantity + added.quantity)
            lines[index] = replace(line, quantity=quantity, note=added.note or line.note)
            break
    else:
        if len(lines) >= MAX_LINES:
            raise CartFull(f"a cart takes {MAX_LINES} lines", metadata={"limit": str(MAX_LINES)})
        lines.append(added)
    return replace(cart, lines=tuple(lines), channel=channel or cart.channel)


def with_quantity(cart: Cart, line_id: str, quantity: int) -> Cart:
    """The cart with another number of units in a line; raises `LineNotFound`."""
    found = cart.line(line_id)
    lines = tuple(
        replace(line, quantity=quantity) if line is found else line for line in cart.lines
    )
    return replace(cart, lines=lines)


def without_line(cart: Cart, line_id: str) -> Cart:
    """The cart without a line; raises `LineNotFound`."""
    found = cart.line(line_id)
    return replace(cart, lines=tuple(line for line in cart.lines if line is not found))


def with_coupon(cart: Cart, code: str) -> Cart:
    """The cart with a coupon; the same code twice is the same. Raises `TooManyCoupons`."""
    if code in cart.coupons:
        return cart
    if len(cart.coupons) >= MAX_COUPONS:
        raise TooManyCoupons(
            f"a cart takes {MAX_COUPONS} coupons", metadata={"limit": str(MAX_COUPONS)}
        )
    return replace(cart, coupons=(*cart.coupons, code))


def without_coupon(cart: Cart, code: str) -> Cart:
    """The cart without a coupon; raises `CouponNotFound`."""
    if code not in cart.coupons:
        raise CouponNotFound("the coupon is not on the cart", metadata={"code": code})
    return replace(cart, coupons=tuple(each for each in cart.coupons if each != code))


def with_delivery(cart: Cart, delivery: Delivery) -> Cart:
    """The cart with a way of delivery; prices and taxes follow the country of the address."""
    country = delivery.address.country if delivery.address is not None else cart.country
    return replace(cart, delivery=delivery, country=country)


def merged(target: Cart, source: Cart) -> Cart:
    """The target with what the source has: a sku in both keeps the larger quantity.

    So nothing is lost and nothing doubled, however often it is done. The limits on lines and
    coupons do not apply: signing in must not fail.
    """
    theirs = {line.sku: line for line in source.lines}
    lines = [
        replace(line, quantity=max(line.quantity, theirs[line.sku].quantity))
        if line.sku in theirs
        else line
        for line in target.lines
    ]
    known = {line.sku for line in lines}
    lines.extend(line for line in source.lines if line.sku not in known)
    coupons = (*target.coupons, *(code for code in source.coupons if code not in target.coupons))
    return replace(
        target, lines=tuple(lines), coupons=coupons, delivery=target.delivery or source.delivery
    )


def by_sku(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """One line per sku, with the units of all its lines; raises `QuantityAboveLimit`."""
    found: dict[str, Line] = {}
    for line in lines:
        before = found.get(line.sku)
        units = line.quantity if before is None else before.quantity + line.quantity
        found[line.sku] = replace(before or line, quantity=_limited(units))
    return tuple(found.values())


def _limited(quantity: int) -> int:
    if quantity > MAX_QUANTITY:
        raise QuantityAboveLimit(
            f"at most {MAX_QUANTITY} units of a product", metadata={"limit": str(MAX_QUANTITY)}
        )
    return quantity
