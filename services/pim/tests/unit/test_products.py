from dataclasses import replace
from typing import Any

from comptoir_pim.domain.completeness import missing_attributes
from comptoir_pim.domain.products import (
    Change,
    GivenValue,
    Model,
    Problem,
    Product,
    changed_model,
    changed_product,
    lineage_of,
    take_values,
    unique_values,
)
from comptoir_pim.domain.structure import Channel
from services.pim.tests.factories import GTIN, structure

SHOP = structure()
ROOT = Model(
    code="OXFORD",
    family_variant="by_colour_size",
    categories=("shirts",),
    values={"name|fr_FR|": "Oxford", "price": {"EUR": "59.90"}},
)
BLUE = Model(
    code="OXFORD-BLUE",
    family_variant="by_colour_size",
    parent="OXFORD",
    values={"colour": "blue"},
    axes='{"colour":"blue"}',
)
LINEAGE = (BLUE, ROOT)


def change(key: str = "A-1", **said: Any) -> Change:
    values = said.pop("values", {})
    return Change(key=key, values=values, replaced=frozenset(values), **said)


def reasons(problems: list[Problem]) -> list[tuple[str, str]]:
    return [(problem.column, problem.reason) for problem in problems]


class TestSimpleProducts:
    def test_what_a_change_speaks_of_is_replaced_and_the_rest_stays(self) -> None:
        before = Product(
            sku="A-1",
            family="shirt",
            categories=("shirts",),
            values={"colour": "blue", "stars": "3", "price": {"CHF": "8.00", "EUR": "7.00"}},
            associations={"X_SELL": ["B"], "PACK": ["C"]},
        )
        said = Change(
            key="A-1",
            values={"price": {"EUR": "9.00"}, "size": "m"},
            replaced=frozenset({"price", "stars", "size"}),
            currencies={"price": frozenset({"EUR"})},
            associations={"X_SELL": ["D"]},
            association_types=frozenset({"X_SELL", "PACK"}),
        )

        after, problems = changed_product(before, said, (), SHOP)

        assert problems == []
        assert after == replace(
            before,
            values={"colour": "blue", "price": {"CHF": "8.00", "EUR": "9.00"}, "size": "m"},
            associations={"X_SELL": ["D"]},
        )

    def test_the_same_change_twice_is_no_change(self) -> None:
        said = change(family="shirt", categories=("shirts",), values={"colour": "blue"})

        first, _ = changed_product(None, said, (), SHOP)
        second, _ = changed_product(first, said, (), SHOP)

        assert second == first

    def test_an_emptied_price_is_gone(self) -> None:
        before = Product(sku="A-1", family="shirt", values={"price": {"EUR": "7.00"}})
        said = Change(
            key="A-1",
            replaced=frozenset({"price"}),
            currencies={"price": frozenset({"EUR"})},
        )

        after, _ = changed_product(before, said, (), SHOP)

        assert after is not None
        assert after.values == {}

    def test_unknown_families_and_categories_are_refused(self) -> None:
        said = change(family="hat", categories=("shirts", "hats"))

        after, problems = changed_product(None, said, (), SHOP)

        assert after is None
        assert reasons(problems) == [
            ("family", "there is no family hat"),
            ("categories", "there is no category hats"),
        ]

    def test_an_attribute_outside_the_family_is_refused(self) -> None:
        family = replace(SHOP.families["shirt"], attributes=("sku", "name"))
        shop = structure(families={"shirt": family})

        after, problems = changed_product(
            None, change(family="shirt", values={"stars": "3"}), (), shop
        )

        assert after is None
        assert reasons(problems) == [("stars", "stars is no attribute of the family shirt")]


class TestGtin:
    def test_a_right_value_of_the_attribute_is_the_gtin(self) -> None:
        said = change(family="shirt", values={"ean": GTIN})

        after, problems = changed_product(None, said, (), SHOP, gtin_attribute="ean")

        assert after is not None
        assert (after.gtin, problems) == (GTIN, [])

    def test_a_wrong_one_stays_a_value_and_is_warned_of(self) -> None:
        said = change(family="shirt", values={"ean": "1234567890123"})

        after, problems = changed_product(None, said, (), SHOP, gtin_attribute="ean")

        assert after is not None
        assert (after.gtin, after.values["ean"]) == ("", "1234567890123")
        assert [problem.warning for problem in problems] == [True]

    def test_a_wrong_one_given_as_gtin_is_refused(self) -> None:
        after, problems = changed_product(
            None, change(family="shirt", gtin="4006381333930"), (), SHOP
        )

        assert after is None
        assert reasons(problems) == [("gtin", "is no GTIN: its length or check digit is wrong")]

    def test_it_goes_when_the_attribute_is_emptied(self) -> None:
        before = Product(sku="A-1", family="shirt", gtin=GTIN, values={"ean": GTIN})
        said = Change(key="A-1", replaced=frozenset({"ean"}))

        after, _ = changed_product(before, said, (), SHOP, gtin_attribute="ean")

        assert after is not None
        assert after.gtin == ""


class TestVariants:
    def test_a_variant_gets_its_family_and_its_axes(self) -> None:
        said = change(parent="OXFORD-BLUE", values={"size": "m"})

        after, problems = changed_product(None, said, LINEAGE, SHOP)

        assert after is not None
        assert (after.family, after.axes, problems) == ("shirt", '{"size":"m"}', [])

    def test_repeated_values_of_the_models_are_left_out_different_ones_with_a_warning(self) -> None:
        said = change(
            parent="OXFORD-BLUE",
            values={"size": "m", "colour": "blue", "name|fr_FR|": "Autre"},
            names={"name|fr_FR|": "name-fr_FR"},
        )

        after, problems = changed_product(None, said, LINEAGE, SHOP)

        assert after is not None
        assert after.values == {"size": "m"}
        assert problems == [
            Problem(
                "name-fr_FR", "Autre", "name is filled by the models above; left out here", True
            )
        ]

    def test_an_unknown_parent_is_refused(self) -> None:
        after, problems = changed_product(None, change(parent="NONE", family="shirt"), (), SHOP)

        assert after is None
        assert reasons(problems) == [("parent", "there is no product model NONE")]

    def test_a_parent_that_is_not_at_the_last_level_is_refused(self) -> None:
        after, problems = changed_product(None, change(parent="OXFORD"), (ROOT,), SHOP)

        assert after is None
        assert reasons(problems) == [
            ("parent", "by_colour_size has 2 levels; OXFORD is not at the last")
        ]

    def test_an_axis_needs_a_value(self) -> None:
        after, problems = changed_product(None, change(parent="OXFORD-BLUE"), LINEAGE, SHOP)

        assert after is None
        assert reasons(problems) == [("size", "size tells variants apart and needs a value")]

    def test_another_family_than_the_models_is_refused(self) -> None:
        families = {**SHOP.families, "hat": replace(SHOP.families["shirt"], code="hat")}
        said = change(parent="OXFORD-BLUE", family="hat", values={"size": "m"})

        after, problems = changed_product(None, said, LINEAGE, structure(families=families))

        assert after is None
        assert reasons(problems) == [("family", "the model OXFORD-BLUE is of the family shirt")]


class TestModels:
    def test_a_model_below_another_takes_the_values_of_its_level(self) -> None:
        said = change(
            "OXFORD-RED",
            family_variant="by_colour_size",
            parent="OXFORD",
            values={"colour": "red", "size": "m"},
        )

        after, problems = changed_model(None, said, (ROOT,), SHOP)

        assert after is not None
        assert (after.values, after.axes) == ({"colour": "red"}, '{"colour":"red"}')
        assert reasons(problems) == [
            ("size", "size is filled by the variants below; left out here")
        ]

    def test_wrong_places_are_refused(self) -> None:
        cases = [
            (change("X"), (), ("family_variant", "a model needs a family variant")),
            (
                change("X", family_variant="none"),
                (),
                ("family_variant", "there is no family variant none"),
            ),
            (
                change(
                    "X",
                    family_variant="by_colour_size",
                    parent="NONE",
                    values={"colour": "red"},
                ),
                (),
                ("parent", "there is no product model NONE"),
            ),
            (
                change(
                    "X",
                    family_variant="by_colour_size",
                    parent="OXFORD-BLUE",
                    values={"colour": "red"},
                ),
                LINEAGE,
                ("parent", "by_colour_size has no level for a model below OXFORD-BLUE"),
            ),
        ]
        for said, lineage, expected in cases:
            after, problems = changed_model(None, said, lineage, SHOP)

            assert after is None
            assert reasons(problems) == [expected]

    def test_a_model_stays_where_it_was_made(self) -> None:
        said = change("OXFORD-BLUE", parent="OTHER", values={"colour": "blue"})

        after, problems = changed_model(BLUE, said, (), SHOP)

        assert after is None
        assert reasons(problems) == [("parent", "a model stays where it was made")]

    def test_lineage_leads_upwards_as_far_as_it_is_known(self) -> None:
        models = {"OXFORD": ROOT, "OXFORD-BLUE": BLUE}

        assert lineage_of("OXFORD-BLUE", models) == [BLUE, ROOT]
        assert lineage_of("NONE", models) == []


class TestRequirements:
    def test_what_is_missing_is_named(self) -> None:
        assert missing_attributes({}, "shirt", "web", SHOP) == ["colour", "name", "price"]
        assert missing_attributes({}, "shirt", "store", SHOP) == ["name"]

    def test_one_complete_language_is_enough(self) -> None:
        values = {"name|en_GB|": "Polo", "colour": "red", "price": {"EUR": "1.00"}}

        assert missing_attributes(values, "shirt", "web", SHOP) == []

    def test_a_price_in_a_foreign_currency_is_missing(self) -> None:
        values = {"name|fr_FR|": "Polo", "colour": "red", "price": {"CHF": "1.00"}}

        assert missing_attributes(values, "shirt", "web", SHOP) == ["price"]

    def test_a_channel_without_requirements_takes_everything(self) -> None:
        shop = structure(channels={**SHOP.channels, "app": Channel("app", {}, ("fr_FR",))})

        assert missing_attributes({}, "shirt", "app", shop) == []


class TestGivenValues:
    def test_good_values_are_taken_and_bad_ones_named(self) -> None:
        said = Change(key="A-1")

        problems = take_values(
            said,
            [
                GivenValue("name", "fr_FR", "", "Polo"),
                GivenValue("stars", "", "", "9"),
                GivenValue("wheels", "", "", "4"),
                GivenValue("colour", "", "", None),
            ],
            SHOP,
        )

        assert said.values == {"name|fr_FR|": "Polo"}
        assert reasons(problems) == [
            ("values[stars]", "is above 5"),
            ("values[wheels]", "there is no attribute wheels"),
            ("values[colour]", "colour has no option None"),
        ]

    def test_unique_values_are_found(self) -> None:
        assert unique_values({"ean": GTIN, "colour": "blue"}, SHOP) == {"ean": GTIN}
