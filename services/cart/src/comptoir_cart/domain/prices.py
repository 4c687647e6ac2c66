"""Which of many listed prices a buyer gets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from comptoir_runtime.errors import InvalidFields, Violation

MOST = 10**12
"""No unit costs more minor units: the largest cart, with its tax, is a number of 64 bits."""


@dataclass(frozen=True, slots=True)
class PriceList:
    """A set of prices for some buyers at some time; empty channel or group means all."""

    code: str
    currency: str
    tax_included: bool
    channel: str = ""
    customer_group: str = ""
    priority: int = 0
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def open_to_everybody(self, now: datetime) -> bool:
        """Whether anybody gets its prices now: no customer group, and within its time."""
        return (
            not self.customer_group
            and (self.valid_from is None or self.valid_from <= now)
            and (self.valid_to is None or now < self.valid_to)
        )


@dataclass(frozen=True, slots=True)
class AnnouncedPrice:
    """The price of one unit in a list that is open to everybody."""

    price_list: str
    channel: str
    currency: str
    amount: int


@dataclass(frozen=True, slots=True)
class Price:
    """A price to set: minor units for one unit, from `min_quantity` on."""

    sku: str
    min_quantity: int
    amount: int
    currency: str


def require_settable(prices: Sequence[Price], currency: str) -> None:
    """Raises `InvalidFields` for a price in another currency, above `MOST`, or given twice."""
    seen: set[tuple[str, int]] = set()
    violations = []
    for index, price in enumerate(prices):
        if price.currency != currency:
            path = f"prices[{index}].amount.currency"
            violations.append(Violation(path, f"the currency of the list is {currency}"))
        if price.amount > MOST:
            path = f"prices[{index}].amount.amount"
            violations.append(Violation(path, "is more than a unit may cost"))
        if (price.sku, price.min_quantity) in seen:
            violations.append(Violation(f"prices[{index}]", "is given twice"))
        seen.add((price.sku, price.min_quantity))
    if violations:
        raise InvalidFields("the prices cannot be set", violations=violations)


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """A price one buyer may get, with what decides between it and others of the same sku."""

    sku: str
    min_quantity: int
    amount: int
    price_list: str
    tax_included: bool
    for_group: bool
    for_channel: bool
    priority: int


@dataclass(frozen=True, slots=True)
class ResolvedPrice:
    """The price of one unit of a sku, and the prices for more units, least quantity first."""

    sku: str
    price: ListedPrice | None
    tiers: tuple[ListedPrice, ...] = ()


def resolve(candidates: Iterable[ListedPrice], quantity: int) -> ListedPrice | None:
    """The price of one unit when `quantity` units are bought; None when no list has one.

    The most specific list that has a price for this quantity wins (customer group before channel
    before all), then the higher priority, then the best tier.
    """
    reached = [price for price in candidates if price.min_quantity <= quantity]
    return max(reached, key=_precedence) if reached else None


def resolve_all(sku: str, candidates: Sequence[ListedPrice]) -> ResolvedPrice:
    """The price of the first unit and each quantity from which another one is valid."""
    steps = sorted({price.min_quantity for price in candidates} | {1})
    first, *others = (resolve(candidates, quantity) for quantity in steps)
    tiers, before = [], first
    for quantity, price in zip(steps[1:], others, strict=True):
        if price is not None and (before is None or price.amount != before.amount):
            # The price of another list may be valid from fewer units: what counts is from where
            # on the buyer gets it.
            tiers.append(_from(quantity, price))
            before = price
    return ResolvedPrice(sku, first, tuple(tiers))


def _precedence(price: ListedPrice) -> tuple[bool, bool, int, int, str]:
    # The code only makes the choice between equals repeatable.
    return (price.for_group, price.for_channel, price.priority, -price.amount, price.price_list)


def _from(quantity: int, price: ListedPrice) -> ListedPrice:
    if price.min_quantity == quantity:
        return price
    return ListedPrice(
        price.sku,
        quantity,
        price.amount,
        price.price_list,
        price.tax_included,
        price.for_group,
        price.for_channel,
        price.priority,
    )
