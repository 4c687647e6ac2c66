from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_cart.domain.taxes import Rate, Taxable, by_rate, tax
from comptoir_cart.policies.taxes import TaxTable
from comptoir_cart.policies.taxes.table import parse_rate
from comptoir_runtime.money import round_half_up
from services.cart.tests.factories import VAT

TODAY = date(2026, 11, 22)
STANDARD, REDUCED, SUPER_REDUCED = Rate(20_000, "20"), Rate(5_500, "5.5"), Rate(2_100, "2.1")

taxables = st.lists(
    st.builds(
        Taxable,
        rate=st.sampled_from([STANDARD, REDUCED, SUPER_REDUCED, Rate(0, "0")]),
        amount=st.integers(0, 10_000_000),
        included=st.booleans(),
    ),
    min_size=1,
    max_size=200,
)


class TestFrenchRates:
    @pytest.mark.parametrize(
        ("tax_class", "rate"),
        [
            ("standard", STANDARD),
            ("intermediate", Rate(10_000, "10")),
            ("reduced", REDUCED),
            ("super_reduced", SUPER_REDUCED),
        ],
    )
    def test_each_class_has_its_rate(self, tax_class: str, rate: Rate) -> None:
        assert VAT.rate("FR", tax_class, TODAY) == rate

    def test_an_unknown_class_has_the_standard_rate(self) -> None:
        assert VAT.rate("FR", "", TODAY) == STANDARD

    def test_a_rate_ends_when_the_next_one_begins(self) -> None:
        assert VAT.rate("FR", "standard", date(2013, 12, 31)).text == "19.6"
        assert VAT.rate("FR", "standard", date(2014, 1, 1)).text == "20"

    def test_a_country_without_rates_is_not_served(self) -> None:
        assert (VAT.serves("FR"), VAT.serves("DE")) == (True, False)
        with pytest.raises(LookupError):
            VAT.rate("DE", "standard", TODAY)


class TestTaxTable:
    HEADER = "country;tax_class;rate;valid_from\n"

    @pytest.mark.parametrize(
        ("row", "complaint"),
        [
            ("FR;standard;twenty;2014-01-01", "line 2: 'twenty' is not a percentage"),
            ("FR;standard;101;2014-01-01", "line 2: '101' is more than 100 percent"),
            ("FR;standard;20;soon", "line 2: Invalid isoformat string: 'soon'"),
            ("FR;standard;20", "line 2"),
            ("FR;reduced;5.5;2014-01-01", "FR has no standard rate"),
        ],
    )
    def test_a_wrong_row_is_named(self, row: str, complaint: str) -> None:
        with pytest.raises(ValueError, match=complaint):
            TaxTable.from_csv(self.HEADER + row)

    def test_wrong_columns_are_named(self) -> None:
        with pytest.raises(ValueError, match="country;tax_class;rate;valid_from"):
            TaxTable.from_csv("country,rate\nFR,20")

    @pytest.mark.parametrize(
        ("text", "shown"), [("20", "20"), ("20.0", "20"), ("5.50", "5.5"), ("2.125", "2.125")]
    )
    def test_rates_are_shown_as_short_as_can_be(self, text: str, shown: str) -> None:
        assert parse_rate(text).text == shown


class TestTax:
    def test_included_tax_is_taken_out(self) -> None:
        assert tax([Taxable(STANDARD, 12_000, included=True)]) == [2_000]

    def test_excluded_tax_is_put_on_top(self) -> None:
        assert tax([Taxable(STANDARD, 10_000, included=False)]) == [2_000]

    def test_it_is_rounded_once_per_rate(self) -> None:
        # One by one each of the three would have 0.33 rounded to 0.33 in 1.99: 0.99, not 1.00.
        three = [Taxable(STANDARD, 199, included=True)] * 3
        assert tax(three) == [34, 33, 33]
        assert round_half_up(3 * 199, 6) == 100

    @given(taxables)
    def test_no_part_is_more_than_half_of_its_amount(self, items: list[Taxable]) -> None:
        for item, part in zip(items, tax(items), strict=True):
            assert 0 <= part <= item.amount

    @given(taxables)
    def test_taxes_by_rate_add_up(self, items: list[Taxable]) -> None:
        parts = tax(items)
        totals = by_rate(items, parts)
        assert sum(total.tax for total in totals) == sum(parts)
        gross = sum(
            item.amount if item.included else item.amount + part
            for item, part in zip(items, parts, strict=True)
        )
        assert sum(total.net + total.tax for total in totals) == gross
