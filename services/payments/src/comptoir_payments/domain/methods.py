"""The means of payment a merchant offers, and to whom."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace


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
    preferred_provider: str = ""
    """Takes the place of `provider` wherever it is configured."""
    by_token: bool = True
    """Whether it can be authorised; a till's tender is only recorded."""
    most: Mapping[str, int] = field(default_factory=dict)
    """The largest amount, by currency, in minor units; any amount in others."""

    def name(self, language: str) -> str:
        """The name in this language, French when there is none."""
        return self.names.get(language, self.names["fr"])

    def provider_among(self, configured: Container[str]) -> str:
        """Who is asked for a new payment."""
        preferred = self.preferred_provider in configured
        return self.preferred_provider if preferred else self.provider

    def is_offered(self, channel: str, country: str, currency: str, amount: int | None) -> bool:
        return (
            channel in self.channels
            and (not self.countries or country in self.countries)
            and (not self.currencies or currency in self.currencies)
            and (amount is None or amount <= self.most.get(currency, amount))
        )


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EUROPE = _codes(
    "AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MC MT NL NO PL PT RO SE "
    "SI SK"
)

_SHOPS = frozenset({"web", "mobile", "store"})

METHODS = (
    Method(
        code="card",
        provider="sandbox",
        preferred_provider="stripe",
        names={"fr": "Carte bancaire", "en": "Bank card", "de": "Bankkarte"},
        channels=_SHOPS | {"b2b"},
        countries=_EUROPE,
    ),
    Method(
        code="gift_card",
        provider="gift_card",
        names={"fr": "Carte cadeau", "en": "Gift card", "de": "Geschenkkarte"},
        channels=_SHOPS,
    ),
    Method(
        code="store_credit",
        provider="store_credit",
        names={"fr": "Avoir", "en": "Store credit", "de": "Guthaben"},
        channels=_SHOPS,
    ),
    Method(
        code="on_account",
        provider="on_account",
        names={"fr": "En compte", "en": "On account", "de": "Auf Rechnung"},
        channels=frozenset({"b2b"}),
    ),
    Method(
        code="cash",
        provider="till",
        names={"fr": "Espèces", "en": "Cash", "de": "Bargeld"},
        channels=frozenset({"store"}),
        currencies=frozenset({"EUR"}),
        by_token=False,
        # French law (code monétaire et financier, D112-3): no more in cash from a consumer.
        most={"EUR": 1000_00},
    ),
    Method(
        code="terminal",
        provider="till",
        names={"fr": "Carte au terminal", "en": "Card at the terminal", "de": "Karte am Terminal"},
        channels=frozenset({"store"}),
        by_token=False,
    ),
)


def offered(
    channel: str,
    country: str,
    currency: str,
    amount: int | None = None,
    configured: Container[str] = (),
) -> tuple[Method, ...]:
    """What a buyer is shown, in the merchant's order, each with the provider that will be asked.

    For any amount when it is None.
    """
    return tuple(
        replace(each, provider=each.provider_among(configured))
        for each in METHODS
        if each.is_offered(channel, country, currency, amount)
    )


def by_token(code: str, currency: str) -> Method | None:
    """The method that an authorisation names; None when it is not one for this currency."""
    for each in METHODS:
        if each.code == code and each.by_token:
            return each if not each.currencies or currency in each.currencies else None
    return None
