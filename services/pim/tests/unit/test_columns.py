from comptoir_pim.domain.columns import Columns, model_columns, product_columns
from comptoir_pim.domain.products import Change, Problem
from comptoir_pim.domain.records import Record
from services.pim.tests.factories import structure

SHOP = structure()


def row(columns: Columns, *cells: str) -> tuple[Change, list[Problem]]:
    return columns.read(Record(2, list(cells)))


class TestHeaders:
    def test_a_header_tells_attribute_locale_channel_currency_and_unit(self) -> None:
        columns = product_columns(
            ["sku", "name-fr_FR", "description-en_GB-web", "price-EUR", "weight", "weight-unit"],
            SHOP,
        )

        change, problems = row(columns, "A-1", "Polo", "Nice.", "39", "0.2", "KILOGRAM")

        assert problems == []
        assert change.key == "A-1"
        assert change.values == {
            "name|fr_FR|": "Polo",
            "description|en_GB|web": "Nice.",
            "price": {"EUR": "39.00"},
            "weight": {"amount": "0.2", "unit": "KILOGRAM"},
        }
        assert change.replaced == change.values.keys()
        assert change.currencies == {"price": frozenset({"EUR"})}

    def test_columns_that_mean_nothing_are_left_out_and_named(self) -> None:
        columns = product_columns(
            ["sku", "name", "name-es_ES", "colour-web", "price-USD", "wheels", "sku"], SHOP
        )

        assert [(each.column, each.reason, each.warning) for each in columns.problems] == [
            ("name", "name needs a locale; the column is left out", True),
            ("name-es_ES", "no channel has the locale es_ES; the column is left out", True),
            ("colour-web", "colour has no values by web; the column is left out", True),
            ("price-USD", "no channel has the currency USD; the column is left out", True),
            ("wheels", "there is no attribute wheels; the column is left out", True),
            ("sku", "the column is there twice; the column is left out", True),
        ]

    def test_the_identifier_may_have_another_name(self) -> None:
        assert product_columns(["sku"], SHOP).key == "sku"
        assert product_columns(["reference"], SHOP).key == "sku"


class TestRows:
    def test_every_bad_cell_of_a_row_is_named(self) -> None:
        columns = product_columns(["sku", "colour", "stars", "enabled", "gtin"], SHOP)

        _, problems = row(columns, "A 1", "green", "9", "yes", "123")

        assert [(each.column, each.value) for each in problems] == [
            ("sku", "A 1"),
            ("colour", "green"),
            ("stars", "9"),
            ("enabled", "yes"),
            ("gtin", "123"),
        ]

    def test_an_empty_cell_empties_its_value_and_a_missing_column_says_nothing(self) -> None:
        columns = product_columns(["sku", "categories", "name-fr_FR", "tax_class"], SHOP)

        change, problems = row(columns, "A-1", "", "", "")

        assert problems == []
        assert (change.categories, change.tax_class, change.gtin) == ((), "", None)
        assert change.values == {}
        assert change.replaced == {"name|fr_FR|"}

    def test_a_row_of_another_length_is_refused(self) -> None:
        columns = product_columns(["sku", "colour"], SHOP)

        _, problems = row(columns, "A-1", "blue", "x")

        assert problems == [Problem("", "", "the row has 3 cells, the header 2")]

    def test_a_row_without_key_is_refused(self) -> None:
        _, problems = row(product_columns(["sku", "colour"], SHOP), "", "blue")

        assert problems == [Problem("sku", "", "sku is empty")]

    def test_associations_are_lists_of_skus(self) -> None:
        columns = product_columns(["sku", "X_SELL-products", "PACK-groups", "groups"], SHOP)

        change, problems = row(columns, "A-1", "B-1, B-2,B-1", "", "")
        assert (change.associations, problems) == ({"X_SELL": ["B-1", "B-2"]}, [])
        assert change.association_types == {"X_SELL"}

        _, problems = row(columns, "A-1", "B 1", "", "")
        assert problems == [Problem("X_SELL-products", "B 1", "B 1 is no sku")]

        _, problems = row(columns, "A-1", "", "g", "")
        assert [(each.column, each.warning) for each in problems] == [("PACK-groups", True)]

    def test_models_have_columns_of_their_own(self) -> None:
        columns = model_columns(["code", "family_variant", "parent", "colour"], SHOP)

        change, problems = row(columns, "M-1", "by_colour_size", "M", "blue")

        assert problems == []
        assert (change.key, change.family_variant, change.parent) == ("M-1", "by_colour_size", "M")
