"""The means of payment a merchant offers, and to whom."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace

from comptoir_payments.errors import PaymentMethodNotOffered

WEB, STORE, B2B = "web", "store", "b2b"


def kind_of(channel: str) -> str:
    """Stores and the channel for companies are known by their names; all others sell as the web."""
    return channel if channel in (STORE, B2B) else WEB


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One means of payment. An empty set of countries or currencies means all of them."""

    code: str
    provider: str
    names: Mapping[str, str]
    """By language."""
    channels: frozenset[str]
    """Kinds of channels; B2B alone makes it one for companies only."""
    countries: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    preferred_provider: str = ""
    """Takes the place of `provider` wherever it is configured."""
    by_token: bool = True
    """Whether it can be authorised; a till's tender is only recorded."""
    amounts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """The least and the most it is asked for, by currency, in minor units; any amount in others."""

    def name(self, language: str) -> str:
        """The name in this language, French when there is none."""
        return self.names.get(language, self.names["fr"])

    def provider_among(self, configured: Container[str]) -> str:
        """Who is asked for a new payment."""
        preferred = self.preferred_provider in configured
        return self.preferred_provider if preferred else self.provider

    def refusal(self, *, channel: str, country: str, currency: str, amount: int | None) -> str:
        """The name of what it is not offered for; empty when it is offered.

        What is empty or None is not asked about.
        """
        fits = {
            "channel": not channel or kind_of(channel) in self.channels,
            "country": not country or not self.countries or country in self.countries,
            "currency": not self.currencies or currency in self.currencies,
            "amount": amount is None or self._is_for(amount, currency),
        }
        return next((name for name, fit in fits.items() if not fit), "")

    def _is_for(self, amount: int, currency: str) -> bool:
        least, most = self.amounts.get(currency, (amount, amount))
        return least <= amount <= most


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EUROPE = _codes(
    "AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MC MT NL NO PL PT RO SE "
    "SI SK"
)

_SHOPS = frozenset({WEB, STORE})

METHODS = (
    Method(
        code="card",
        provider="sandbox",
        preferred_provider="stripe",
        names={"fr": "Carte bancaire", "en": "Bank card", "de": "Bankkarte"},
        channels=_SHOPS | {B2B},
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
        channels=frozenset({B2B}),
    ),
    Method(
        code="cash",
        provider="till",
        names={"fr": "Espèces", "en": "Cash", "de": "Bargeld"},
        channels=frozenset({STORE}),
        currencies=frozenset({"EUR"}),
        by_token=False,
        # French law (code monétaire et financier, D112-3): no more in cash from a consumer.
        amounts={"EUR": (1, 1000_00)},
    ),
    Method(
        code="terminal",
        provider="till",
        names={"fr": "Carte au terminal", "en": "Card at the terminal", "de": "Karte am Terminal"},
        channels=frozenset({STORE}),
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
        if not each.refusal(channel=channel, country=country, currency=currency, amount=amount)
    )


def to_authorise(code: str, channel: str, currency: str, amount: int) -> Method:
    """The method that an authorisation names, for any channel when that is empty.

    Raises `PaymentMethodNotOffered`, naming the field that keeps it from being offered. Countries
    are not asked about: where goods go does not tell where their payer is.
    """
    named = next((each for each in METHODS if each.code == code and each.by_token), None)
    if named is None:
        raise _not_offered("no such method of payment", code, "method")
    field = named.refusal(channel=channel, country="", currency=currency, amount=amount)
    if field:
        raise _not_offered(f"this method of payment is not offered for this {field}", code, field)
    return named


def _not_offered(message: str, code: str, field: str) -> PaymentMethodNotOffered:
    return PaymentMethodNotOffered(message, metadata={"method": code, "field": field})
