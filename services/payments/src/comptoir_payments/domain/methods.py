"""The means of payment a merchant offers, and to whom."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One means of payment. An empty set of countries or currencies means all of them."""

    code: str
    provider: str
    names: Mapping[str, str]
    """By language."""
    channels: frozenset[str]
    countries: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    by_token: bool = True
    """Whether it can be authorised with a provider's token; a till's tender is only recorded."""

    def name(self, language: str) -> str:
        """The name in this language, French when there is none."""
        return self.names.get(language, self.names["fr"])

    def is_offered(self, channel: str, country: str, currency: str) -> bool:
        return (
            channel in self.channels
            and (not self.countries or country in self.countries)
            and (not self.currencies or currency in self.currencies)
        )


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EUROPE = _codes(
    "AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MC MT NL NO PL PT RO SE "
    "SI SK"
)

METHODS = (
    Method(
        code="card",
        provider="sandbox",
        names={"fr": "Carte bancaire", "en": "Bank card", "de": "Bankkarte"},
        channels=frozenset({"web", "mobile", "store"}),
        countries=_EUROPE,
    ),
    Method(
        code="cash",
        provider="till",
        names={"fr": "Espèces", "en": "Cash", "de": "Bargeld"},
        channels=frozenset({"store"}),
        currencies=frozenset({"EUR"}),
        by_token=False,
    ),
    Method(
        code="terminal",
        provider="till",
        names={"fr": "Carte au terminal", "en": "Card at the terminal", "de": "Karte am Terminal"},
        channels=frozenset({"store"}),
        by_token=False,
    ),
)


def offered(channel: str, country: str, currency: str) -> tuple[Method, ...]:
    """What a buyer is shown, in the merchant's order."""
    return tuple(each for each in METHODS if each.is_offered(channel, country, currency))


def by_token(code: str, currency: str) -> Method | None:
    """The method that an authorisation names; None when it is not one for this currency."""
    for each in METHODS:
        if each.code == code and each.by_token:
            return each if not each.currencies or currency in each.currencies else None
    return None
