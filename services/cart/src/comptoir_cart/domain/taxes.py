"""Tax within and on top of amounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from comptoir_runtime.money import allocate, round_half_up

FULL = 100_000
"""A rate of one hundred percent."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A tax rate in thousandths of a percent, and as people write it: 5500, "5.5"."""

    thousandths: int
    text: str


class TaxRates(Protocol):
    """Which rate a tax class has where and when."""

    def serves(self, country: str) -> bool:
        """Whether the rates of the country (ISO 3166-1 alpha-2) are known."""

    def rate(self, country: str, tax_class: str, day: date) -> Rate:
        """The rate of a tax class on a day in a country that is served.

        A class the country does not know has its standard rate: too much tax is put right more
        easily than too little. Raises `LookupError` for a country that is not served.
        """


@dataclass(frozen=True, slots=True)
class Taxable:
    """An amount, not negative, in minor units; `included` when the tax is part of it."""

    rate: Rate
    amount: int
    included: bool


@dataclass(frozen=True, slots=True)
class RateTotal:
    """What one rate comes to: the amount before tax and the tax on it."""

    rate: Rate
    net: int
    tax: int


def tax(taxables: Sequence[Taxable]) -> list[int]:
    """The tax of each amount, minor units.

    Rounded (half up) once for all amounts of a rate and spread over them by largest remainder:
    the tax of a total is the tax of its parts, to the cent.
    """
    groups: dict[tuple[int, bool], list[int]] = {}
    for index, item in enumerate(taxables):
        groups.setdefault((item.rate.thousandths, item.included), []).append(index)
    taxes = [0] * len(taxables)
    for (thousandths, included), indexes in groups.items():
        amounts = [taxables[index].amount for index in indexes]
        whole = FULL + thousandths if included else FULL
        total = round_half_up(sum(amounts) * thousandths, whole)
        for index, part in zip(indexes, allocate(total, amounts), strict=True):
            taxes[index] = part
    return taxes


def by_rate(taxables: Sequence[Taxable], taxes: Sequence[int]) -> tuple[RateTotal, ...]:
    """Net and tax per rate, the highest rate first; rates with nothing in them are left out."""
    sums: dict[Rate, list[int]] = {}
    for item, part in zip(taxables, taxes, strict=True):
        total = sums.setdefault(item.rate, [0, 0])
        total[0] += item.amount - part if item.included else item.amount
        total[1] += part
    return tuple(
        RateTotal(rate, net, part)
        for rate, (net, part) in sorted(sums.items(), key=lambda each: -each[0].thousandths)
        if net or part
    )
