from comptoir_pim.domain.records import Record
from comptoir_pim.domain.structure import (
    Attribute,
    AttributeType,
    Category,
    Level,
    Option,
    Structure,
)
from comptoir_pim.domain.structure_rows import Plan, plan
from services.pim.tests.factories import FILES, structure

SHOP = structure()


def planned(name: str, *lines: str, shop: Structure = SHOP) -> Plan:
    header, *rows = [line.split(";") for line in lines]
    return plan(name, header, [Record(n, row) for n, row in enumerate(rows, start=2)], shop)


def complaints(found: Plan) -> list[tuple[int, str, str]]:
    return [(line, problem.column, problem.reason) for line, problem in found.problems]


class TestAttributes:
    def test_a_row_becomes_an_attribute(self) -> None:
        found = planned(
            "attributes.csv",
            "code;type;label-fr_FR;label-en_GB;localizable;scopable;unique;max_characters;"
            "negative_allowed;metric_family;default_metric_unit;group",
            "height;pim_catalog_metric;Hauteur;;1;0;0;;0;Length;METER;size",
        )

        assert found.problems == []
        assert found.changed == {
            "height": Attribute(
                "height",
                AttributeType.METRIC,
                {"fr_FR": "Hauteur"},
                localisable=True,
                metric_family="Length",
                metric_unit="METER",
                number_min="0",
                group="size",
            )
        }

    def test_bad_cells_are_named(self) -> None:
        found = planned(
            "attributes.csv",
            "code;type;localizable;max_characters;metric_family;default_metric_unit;validation_regexp",
            "a b;pim_catalog_text;0;;;;",
            "one;pim_catalog_hologram;0;;;;",
            "two;pim_catalog_text;maybe;;;;",
            "three;pim_catalog_text;0;many;;;",
            "four;pim_catalog_metric;0;;Length;GRAM;",
            "five;pim_catalog_text;0;;;;(a+)+",
            "name;pim_catalog_text;0;;;;",
            "six;pim_catalog_text;0;;;;",
            "six;pim_catalog_text;0;;;;",
        )

        assert complaints(found) == [
            (2, "code", "a code has 1 to 100 letters, digits and underscores"),
            (3, "type", "there is no attribute type pim_catalog_hologram"),
            (4, "localizable", "is not 1 or 0"),
            (5, "max_characters", "is not a whole number"),
            (6, "default_metric_unit", "is no unit of Length"),
            (
                7,
                "validation_regexp",
                "the pattern repeats a repetition; matching it could take for ever",
            ),
            (8, "localizable", "does not change once the attribute exists"),
            (10, "code", "the code is there before in this file"),
        ]
        assert [*found.changed] == ["six"]

    def test_a_missing_column_keeps_its_value_and_an_empty_label_goes(self) -> None:
        found = planned("attributes.csv", "code;type;label-en_GB", "name;pim_catalog_text;")

        assert found.updated == 1
        assert found.changed["name"] == Attribute(
            "name", AttributeType.TEXT, {"fr_FR": "Nom"}, localisable=True
        )

    def test_a_file_without_its_columns_is_refused_as_a_whole(self) -> None:
        found = planned("attributes.csv", "code;label-fr_FR", "name;Nom", "size;Taille")

        assert complaints(found) == [
            (1, "type", "the column type is missing; no row could be read")
        ]
        assert found.changed == {}

    def test_a_row_of_another_length_is_refused(self) -> None:
        found = planned("attributes.csv", "code;type", "a;pim_catalog_text;x")

        assert complaints(found) == [(2, "", "the row has 3 cells, the header 2")]


class TestOptions:
    def test_an_option_belongs_to_an_option_attribute(self) -> None:
        found = planned(
            "attribute_options.csv",
            "code;attribute;label-fr_FR;sort_order",
            "green;colour;Vert;3",
            "x;name;X;1",
            "x;wheels;X;1",
            "blue;colour;Bleu;1",
        )

        assert found.changed == {
            ("colour", "green"): Option("colour", "green", {"fr_FR": "Vert"}, 3)
        }
        assert complaints(found) == [
            (3, "attribute", "is no attribute with options"),
            (4, "attribute", "is no attribute"),
        ]
        assert (found.created, found.updated, found.unchanged) == (1, 0, 1)


class TestFamilies:
    def test_requirements_are_attributes_of_the_family_in_known_channels(self) -> None:
        found = planned(
            "families.csv",
            "code;attributes;attribute_as_label;requirements-web",
            "hat;sku,name;name;sku,name",
            "cap;sku,name;colour;sku",
            "fez;sku,name;name;colour",
            "kepi;sku,wheels;name;",
        )
        elsewhere = planned("families.csv", "code;attributes;requirements-radio", "hat;sku;sku")

        assert found.changed["hat"].requirements == {"web": ("sku", "name")}  # type: ignore[union-attr]  # a family
        assert complaints(found) == [
            (3, "attribute_as_label", "there is no colour"),
            (4, "requirements-web", "there is no colour"),
            (5, "attributes", "there is no wheels"),
        ]
        assert complaints(elsewhere) == [(2, "requirements-radio", "there is no radio")]

    def test_levels_need_axes_that_can_tell_variants_apart(self) -> None:
        found = planned(
            "family_variants.csv",
            "code;family;variant-axes_1;variant-attributes_1;variant-axes_2;variant-attributes_2",
            "good;shirt;colour;image;size;sku",
            "none;shirt;;image;;",
            "text;shirt;name;image;;",
            "lost;hat;colour;;;",
            "by_colour_size;shirt;size;;;",
        )

        assert found.changed["good"].levels == (  # type: ignore[union-attr]  # a family variant
            Level(("colour",), ("image",)),
            Level(("size",), ("sku",)),
        )
        assert complaints(found) == [
            (3, "variant-axes_1", "a level needs an axis"),
            (4, "variant-axes_1", "cannot tell variants apart"),
            (5, "family", "there is no family hat"),
            (6, "code", "the family and the axes of a family variant stay"),
        ]


class TestChannels:
    def test_locales_currencies_and_trees_must_exist(self) -> None:
        found = planned(
            "channels.csv",
            "code;locales;currencies;tree",
            "app;fr_FR,de_DE;EUR;master",
            "a;;EUR;master",
            "b;french;EUR;master",
            "c;fr_FR;EURO;master",
            "d;fr_FR;EUR;shirts",
        )

        assert [*found.changed] == ["app"]
        assert complaints(found) == [
            (3, "locales", "a channel needs a locale"),
            (4, "locales", "is not a locale such as fr_FR"),
            (5, "currencies", "is not an ISO 4217 currency"),
            (6, "tree", "is not the root of a category tree"),
        ]


class TestCategories:
    def test_a_child_may_stand_above_its_parent(self) -> None:
        found = planned("categories.csv", *FILES["categories.csv"], shop=Structure())

        assert found.problems == []
        assert found.created == 6
        shirts = found.changed["shirts"]
        assert isinstance(shirts, Category)
        assert (shirts.tree, shirts.path) == ("master", ("master", "clothing", "shirts"))

    def test_unknown_parents_and_cycles_are_refused(self) -> None:
        found = planned(
            "categories.csv",
            "code;parent",
            "hats;headwear",
            "egg;hen",
            "hen;egg",
            "master;shirts",
        )

        assert complaints(found) == [
            (2, "parent", "there is no category headwear"),
            (5, "parent", "a category cannot lie below itself"),
            (3, "parent", "the categories above lead back to this one"),
            (4, "parent", "the categories above lead back to this one"),
        ]
        assert found.changed == {}

    def test_a_move_takes_those_below_along(self) -> None:
        found = planned("categories.csv", "code;parent", "clothing;seasons")

        assert {
            code: (each.tree, each.path, each.version)
            for code, each in found.changed.items()
            if isinstance(each, Category)
        } == {
            "clothing": ("seasons", ("seasons", "clothing"), 2),
            "shirts": ("seasons", ("seasons", "clothing", "shirts"), 1),
        }

    def test_the_same_file_again_changes_nothing(self) -> None:
        first = planned("categories.csv", *FILES["categories.csv"], shop=Structure())
        known = {str(code): each for code, each in first.changed.items()}
        categories = {code: each for code, each in known.items() if isinstance(each, Category)}

        again = planned(
            "categories.csv", *FILES["categories.csv"], shop=Structure(categories=categories)
        )

        assert (again.changed, again.unchanged) == ({}, 6)
