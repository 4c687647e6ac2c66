"""Whether a quote adds up: prices with their tax in them, and net prices."""

from dataclasses import replace
from typing import Any

import pytest

from comptoir_orders.domain.orders import OrderLine, Quote
from services.orders.tests import factories


def net_line(sku: str, quantity: int, unit_price: int, tax: int, discount: int = 0) -> OrderLine:
    """Units with the tax on top of their price."""
    left = quantity * unit_price - discount
    return replace(factories.line(sku, quantity, unit_price, discount), tax=tax, total=left + tax)


def net_quote() -> Quote:
    """10 x 99.90 less 99.90, and 19.99 with the tax in it; delivery 4.90."""
    net, gross = net_line("KETTLE", 10, 9990, 17982, 9990), factories.line("LAMP", 1, 1999)
    quote = factories.quote(lines=(net, gross))
    return replace(quote, totals=replace(quote.totals, total=107892 + 1999 + 490))


class TestAQuoteAddsUp:
    def test_with_taxes_in_the_prices(self) -> None:
        assert factories.quote().adds_up()

    def test_with_taxes_on_top_of_some(self) -> None:
        assert net_quote().adds_up()

    @pytest.mark.parametrize(
        "totals",
        [{"subtotal": 101898}, {"discount": 9989}, {"shipping": 491}, {"total": 110380}],
        ids=["subtotal", "discount", "shipping", "total"],
    )
    def test_not_when_a_total_is_a_cent_off(self, totals: dict[str, int]) -> None:
        quote = net_quote()

        assert not replace(quote, totals=replace(quote.totals, **totals)).adds_up()

    @pytest.mark.parametrize(
        "line",
        [{"unit_price": 9989}, {"discount": 9989}, {"tax": 17981}, {"quantity": 11}],
        ids=["price", "discount", "tax", "units"],
    )
    def test_not_when_a_line_is_not_what_its_units_cost(self, line: dict[str, Any]) -> None:
        quote = net_quote()
        wrong = replace(quote, lines=(replace(quote.lines[0], **line), quote.lines[1]))

        assert not wrong.adds_up()

    def test_not_when_something_costs_less_than_nothing(self) -> None:
        lines = (factories.line("KETTLE", 1, 2500, 2600), factories.line("LAMP", 1, 2000))

        assert not factories.quote(lines=lines).adds_up()
