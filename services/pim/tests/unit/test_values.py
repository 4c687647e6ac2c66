from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_pim.domain.structure import Attribute, AttributeType
from comptoir_pim.domain.values import (
    BadValue,
    checked_key,
    compiled,
    decimal_text,
    key_of,
    normaliser,
    parts_of,
    price_text,
)
from services.pim.tests.factories import structure

SHOP = structure()


def kept(code: str, value: Any) -> Any:
    return normaliser(SHOP.attributes[code], SHOP)(value)


def refused(code: str, value: Any) -> str:
    with pytest.raises(BadValue) as caught:
        kept(code, value)
    return str(caught.value)


class TestKeptForm:
    @pytest.mark.parametrize(
        ("code", "given", "expected"),
        [
            ("name", "Polo", "Polo"),
            ("stars", "4.50", "4.5"),
            ("stars", "0.0", "0"),
            ("waterproof", "1", True),
            ("waterproof", "false", False),
            ("waterproof", False, False),
            ("since", "2026-11-22", "2026-11-22"),
            ("colour", "blue", "blue"),
            ("care", "wash_30, no_iron,wash_30", ["wash_30", "no_iron"]),
            ("care", ["no_iron"], ["no_iron"]),
            ("weight", "210", {"amount": "210", "unit": "GRAM"}),
            (
                "weight",
                {"amount": "0.2100", "unit": "KILOGRAM"},
                {"amount": "0.21", "unit": "KILOGRAM"},
            ),
            ("price", {"EUR": "9", "CHF": "9.5"}, {"CHF": "9.50", "EUR": "9.00"}),
            ("image", "media/polo.svg", "media/polo.svg"),
            ("mill", "portugal_1", "portugal_1"),
        ],
    )
    def test_values_are_brought_into_one_form(self, code: str, given: Any, expected: Any) -> None:
        assert kept(code, given) == expected
        assert kept(code, expected) == expected

    @pytest.mark.parametrize(
        ("code", "given", "reason"),
        [
            ("name", 3, "is not a text"),
            ("name", "a\x00b", "holds a NUL character"),
            ("stars", "4,5", "is not a decimal number such as 12.5"),
            ("stars", "1e9", "is not a decimal number such as 12.5"),
            ("stars", "NaN", "is not a decimal number such as 12.5"),
            ("stars", "-1", "is below 0"),
            ("stars", "5.1", "is above 5"),
            ("waterproof", "perhaps", "is not a boolean: 1 or 0"),
            ("since", "22/11/2026", "is not a date such as 2026-11-22"),
            ("since", "2026-02-30", "is not a date such as 2026-11-22"),
            ("colour", "green", "colour has no option green"),
            ("care", "wash_30,boil", "care has no option boil"),
            ("weight", {"amount": "1", "unit": "METER"}, "METER is no unit of Weight"),
            ("weight", {"amount": "heavy", "unit": ""}, "is not a decimal number such as 12.5"),
            ("price", {"USD": "1.00"}, "no channel has the currency USD"),
            ("price", {"EUR": "1.005"}, "EUR has no more than 2 digits after the point"),
            ("price", {"EUR": "-1"}, "a price is not negative"),
            ("mill", "a b", "is not a code"),
            ("sku", "X", "sku is the sku, not a value"),
        ],
    )
    def test_what_breaks_a_rule_is_refused_with_its_reason(
        self, code: str, given: Any, reason: str
    ) -> None:
        assert refused(code, given) == reason

    def test_texts_obey_length_and_pattern(self) -> None:
        attribute = Attribute(
            "code", AttributeType.TEXT, max_characters=5, validation_regexp="/^[a-z]+$/i"
        )
        normalise = normaliser(attribute, SHOP)

        assert normalise("Abc") == "Abc"
        with pytest.raises(BadValue, match="has 6 characters, more than 5"):
            normalise("abcdef")
        with pytest.raises(BadValue, match="does not match"):
            normalise("a1")

    def test_whole_numbers_and_dates_obey_their_limits(self) -> None:
        whole = normaliser(Attribute("pages", AttributeType.NUMBER, decimals_allowed=False), SHOP)
        day = normaliser(
            Attribute("day", AttributeType.DATE, date_min="2026-01-01", date_max="2026-12-31"),
            SHOP,
        )

        assert whole("12.000") == "12"
        with pytest.raises(BadValue, match="must be a whole number"):
            whole("12.5")
        with pytest.raises(BadValue, match="is before 2026-01-01"):
            day("2025-12-31")
        with pytest.raises(BadValue, match="is after 2026-12-31"):
            day("2027-01-01")

    @given(st.decimals(-(10**17), 10**17, places=6, allow_nan=False))
    def test_decimals_keep_their_value_and_have_one_form(self, number: Decimal) -> None:
        text = decimal_text(format(number, "f"))

        assert Decimal(text) == number
        assert decimal_text(text) == text
        assert text != "-0"

    def test_prices_have_the_digits_of_their_currency(self) -> None:
        assert price_text("1200", "JPY") == "1200"
        assert price_text("1.5", "KWD") == "1.500"
        with pytest.raises(BadValue, match="XXX is not a currency"):
            price_text("1", "XXX")


class TestKeys:
    def test_a_key_tells_attribute_locale_and_channel(self) -> None:
        for parts in (("name", "", ""), ("name", "fr_FR", ""), ("text", "", "web")):
            assert parts_of(key_of(*parts)) == parts

    @pytest.mark.parametrize(
        ("code", "locale", "channel", "reason"),
        [
            ("colour", "fr_FR", "", "colour is not localisable"),
            ("name", "", "", "name needs a locale"),
            ("name", "es_ES", "", "no channel has the locale es_ES"),
            ("name", "fr_FR", "web", "name is not per channel"),
            ("description", "fr_FR", "", "description needs a channel"),
            ("description", "fr_FR", "radio", "there is no channel radio"),
        ],
    )
    def test_a_place_that_does_not_exist_is_refused(
        self, code: str, locale: str, channel: str, reason: str
    ) -> None:
        with pytest.raises(BadValue, match=reason):
            checked_key(SHOP.attributes[code], locale, channel, SHOP)


class TestPatterns:
    def test_a_pattern_whose_matching_could_take_for_ever_is_refused(self) -> None:
        for pattern in ("(a+)+$", "(a|aa)*", "([a-z]*){3,}", "/(x+x+)+y/"):
            with pytest.raises(BadValue, match="for ever"):
                compiled(pattern)

    def test_what_is_no_pattern_is_refused(self) -> None:
        with pytest.raises(BadValue, match="is not a regular expression"):
            compiled("[a-")

    def test_ordinary_patterns_are_accepted(self) -> None:
        pattern = compiled(r"^(FR|DE)-[0-9]{4}(\.[0-9]+)?$")

        assert pattern is not None
        assert pattern.search("FR-1234.5")
        assert compiled("") is None
