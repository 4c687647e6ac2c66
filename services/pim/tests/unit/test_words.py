from typing import Any

import pytest

from comptoir_pim.domain.units import grams, is_unit, symbol
from comptoir_pim.domain.words import label, words
from services.pim.tests.factories import structure

SHOP = structure()


class TestWords:
    @pytest.mark.parametrize(
        ("code", "value", "locale", "expected"),
        [
            ("waterproof", True, "fr_FR", ("Oui", "")),
            ("waterproof", False, "en_GB", ("No", "")),
            ("waterproof", True, "fi_FI", ("Yes", "")),
            ("stars", "4.5", "fr_FR", ("4,5", "")),
            ("stars", "4.5", "en_US", ("4.5", "")),
            ("since", "2026-11-22", "fr_FR", ("22/11/2026", "")),
            ("since", "2026-11-22", "en_US", ("11/22/2026", "")),
            ("since", "2026-11-22", "ja_JP", ("2026-11-22", "")),
            ("weight", {"amount": "0.5", "unit": "KILOGRAM"}, "de_DE", ("0,5 kg", "")),
            ("weight", {"amount": "5", "unit": "GRAM"}, "fr_FR", ("5\u202fg", "")),
            ("colour", "blue", "fr_FR", ("Bleu", "blue")),
            ("colour", "red", "en_GB", ("Red", "red")),
            ("care", ["wash_30", "no_iron"], "fr_FR", ("Lavage à 30 °C, No iron", "")),
            ("name", "Polo", "fr_FR", ("Polo", "")),
        ],
    )
    def test_values_are_told_in_the_language(
        self, code: str, value: Any, locale: str, expected: tuple[str, str]
    ) -> None:
        assert words(SHOP.attributes[code], value, locale, SHOP) == expected

    def test_a_label_of_the_same_language_is_better_than_the_code(self) -> None:
        labels = {"fr_FR": "Couleur", "en_GB": "Colour"}

        assert label(labels, "fr_FR", "main_colour") == "Couleur"
        assert label(labels, "fr_CA", "main_colour") == "Couleur"
        assert label(labels, "de_DE", "main_colour") == "Main colour"


class TestUnits:
    def test_weights_are_told_in_whole_grams(self) -> None:
        assert grams("0.4315", "KILOGRAM") == 432
        assert grams("1", "POUND") == 454
        assert grams("1", "METER") == 0
        assert grams("99999999999999", "TON") == 0

    def test_a_unit_belongs_to_its_family(self) -> None:
        assert is_unit("Weight", "GRAM")
        assert not is_unit("Weight", "METER")
        assert is_unit("Unheard", "OF")
        assert symbol("LIGHT_YEAR") == "light year"
