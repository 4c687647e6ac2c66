"""Tax rates from a table of countries, classes and days."""

import csv
import re
from bisect import bisect_right
from collections.abc import Iterable
from datetime import date

from comptoir_cart.domain.taxes import FULL, Rate

DEFAULT_CLASS = "standard"
_RATE = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,3}))?")
_COLUMNS = ["country", "tax_class", "rate", "valid_from"]


class TaxTable:
    """Rates by country and class, each from a first day until the next one begins."""

    def __init__(self, rows: Iterable[tuple[str, str, Rate, date]]) -> None:
        self._rates: dict[tuple[str, str], list[tuple[date, Rate]]] = {}
        for country, tax_class, rate, first_day in rows:
            self._rates.setdefault((country, tax_class), []).append((first_day, rate))
        for periods in self._rates.values():
            periods.sort(key=lambda period: period[0])
        self._countries = {country for country, _ in self._rates}
        for country in self._countries:
            if (country, DEFAULT_CLASS) not in self._rates:
                raise ValueError(f"{country} has no {DEFAULT_CLASS} rate")

    @classmethod
    def from_csv(cls, text: str) -> "TaxTable":
        """Reads `country;tax_class;rate;valid_from`; raises `ValueError` naming the line."""
        reader = csv.DictReader(text.splitlines(), delimiter=";")
        if reader.fieldnames != _COLUMNS:
            raise ValueError(f"the columns must be {';'.join(_COLUMNS)}")
        rows = []
        for row in reader:
            try:
                first_day = date.fromisoformat(row["valid_from"])
                rows.append((row["country"], row["tax_class"], parse_rate(row["rate"]), first_day))
            except (ValueError, TypeError) as error:
                raise ValueError(f"line {reader.line_num}: {error}") from None
        return cls(rows)

    def serves(self, country: str) -> bool:
        return country in self._countries

    def rate(self, country: str, tax_class: str, day: date) -> Rate:
        periods = self._rates.get((country, tax_class))
        if periods is None:
            periods = self._rates.get((country, DEFAULT_CLASS))
        if periods is None:
            raise LookupError(f"no tax rates for {country}")
        if len(periods) == 1:
            return periods[0][1]
        after = bisect_right(periods, day, key=lambda period: period[0])
        # Before the first period there is nothing better than the first one.
        return periods[max(after - 1, 0)][1]


def parse_rate(text: str) -> Rate:
    """A decimal percentage, at most three digits after the point; raises `ValueError`."""
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a percentage")
    whole, fraction = match.groups(default="")
    thousandths = int(whole) * 1000 + int(fraction.ljust(3, "0"))
    if thousandths > FULL:
        raise ValueError(f"{text!r} is more than 100 percent")
    shown = f"{int(whole)}.{fraction}".rstrip("0").rstrip(".")
    return Rate(thousandths, shown)
