"""The sample catalogue is edited by hand: these checks tell what no longer fits together."""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

CATALOGUE = Path(__file__).parents[2] / "catalogue"
LOCALES = ("fr_FR", "en_GB")
CHANNELS = ("web", "mobile", "store", "b2b")
# Columns of products and models that are not attributes.
STRUCTURE = {"sku", "code", "family", "family_variant", "parent", "categories", "enabled"}
# What must not repeat in a file, where it is not the code alone.
KEYS = {
    "attribute_options.csv": ("attribute", "code"),
    "prices.csv": ("price_list", "sku", "currency", "min_quantity"),
    "products.csv": ("sku",),
    "stock.csv": ("sku", "location"),
}
SOLD_OUT = {"CLO-MOISSON-SKY-XL", "HOM-SORBET", "SHO-ESTIVE-42"}

Row = Mapping[str, str]


@cache
def table(name: str) -> tuple[Row, ...]:
    """Rows of one file by column name; a row with a cell too many or too few is refused."""
    with (CATALOGUE / name).open(encoding="utf-8", newline="") as file:
        rows = tuple(csv.DictReader(file, delimiter=";", strict=True))
    for line, row in enumerate(rows, start=2):
        assert None not in row, f"{name}:{line} has too many cells"
        assert None not in row.values(), f"{name}:{line} has too few cells"
    return rows


def codes(name: str, key: str = "code") -> set[str]:
    return {row[key] for row in table(name)}


def split(cell: str) -> list[str]:
    return cell.split(",") if cell else []


def options() -> dict[str, set[str]]:
    by_attribute: dict[str, set[str]] = defaultdict(set)
    for row in table("attribute_options.csv"):
        by_attribute[row["attribute"]].add(row["code"])
    return by_attribute


def models() -> dict[str, Row]:
    return {row["code"]: row for row in table("product_models.csv")}


def family_variants() -> dict[str, Row]:
    return {row["code"]: row for row in table("family_variants.csv")}


def ancestors(row: Row) -> Iterator[Row]:
    """The models above a variant or model, nearest first."""
    parent = row["parent"]
    while parent:
        model = models()[parent]
        yield model
        parent = model["parent"]


def effective(product: Row) -> dict[str, str]:
    """Every value of a product, its models' included."""
    values: dict[str, str] = {}
    for row in (product, *ancestors(product)):
        for column, value in row.items():
            if value:
                values.setdefault(column, value)
    return values


def columns_of(attribute: Row, channel: str) -> list[str]:
    """The columns that must be filled for an attribute to be complete on a channel."""
    if attribute["type"] == "pim_catalog_price_collection":
        return [f"{attribute['code']}-EUR"]
    suffix = f"-{channel}" if attribute["scopable"] == "1" else ""
    if attribute["localizable"] == "1":
        return [f"{attribute['code']}-{locale}{suffix}" for locale in LOCALES]
    return [f"{attribute['code']}{suffix}"]


def known_columns() -> set[str]:
    known = set(STRUCTURE)
    for attribute in table("attributes.csv"):
        for channel in CHANNELS:
            known.update(columns_of(attribute, channel))
        if attribute["metric_family"]:
            known.add(f"{attribute['code']}-unit")
    known.update(f"{row['code']}-products" for row in table("association_types.csv"))
    return known


def check_digit(body: str) -> str:
    """The thirteenth digit of an EAN-13."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
    return str(-total % 10)


class TestEveryFile:
    def test_is_named_in_the_read_me(self) -> None:
        read_me = (CATALOGUE / "README.md").read_text(encoding="utf-8")
        assert [path.name for path in CATALOGUE.glob("*.csv") if path.name not in read_me] == []

    def test_has_no_row_twice(self) -> None:
        for path in CATALOGUE.glob("*.csv"):
            key = KEYS.get(path.name, ("code",))
            counts = Counter(tuple(row[column] for column in key) for row in table(path.name))
            assert [row for row, count in counts.items() if count > 1] == [], path.name

    def test_has_no_text_in_one_language_only(self) -> None:
        lonely = []
        for path in CATALOGUE.glob("*.csv"):
            for line, row in enumerate(table(path.name), start=2):
                for column in row:
                    twin = column.replace("fr_FR", "en_GB")
                    if twin != column and bool(row[column]) != bool(row[twin]):
                        lonely.append(f"{path.name}:{line} {column}")
        assert lonely == []

    def test_labels_everything_in_both_languages(self) -> None:
        unlabelled = [
            f"{path.name}:{line}"
            for path in CATALOGUE.glob("*.csv")
            for line, row in enumerate(table(path.name), start=2)
            for locale in LOCALES
            if row.get(f"label-{locale}") == ""
        ]
        assert unlabelled == []


class TestModel:
    def test_attributes_belong_to_a_group(self) -> None:
        assert {row["group"] for row in table("attributes.csv")} == codes("attribute_groups.csv")

    def test_options_are_those_of_the_select_attributes(self) -> None:
        attributes = table("attributes.csv")
        assert set(options()) == {r["code"] for r in attributes if r["type"].endswith("select")}

    def test_families_name_known_attributes(self) -> None:
        for family in table("families.csv"):
            attributes = set(split(family["attributes"]))
            assert attributes <= codes("attributes.csv"), family["code"]
            for channel in CHANNELS:
                assert set(split(family[f"requirements-{channel}"])) <= attributes, family["code"]

    def test_axes_are_attributes_of_the_level_they_vary(self) -> None:
        families = {row["code"]: split(row["attributes"]) for row in table("families.csv")}
        for variant in table("family_variants.csv"):
            for level in ("1", "2"):
                varying = set(split(variant[f"variant-attributes_{level}"]))
                assert set(split(variant[f"variant-axes_{level}"])) <= varying, variant["code"]
                assert varying <= set(families[variant["family"]]), variant["code"]

    def test_categories_are_two_trees_with_parents_above_their_children(self) -> None:
        seen = {""}
        for category in table("categories.csv"):
            assert category["parent"] in seen, category["code"]
            seen.add(category["code"])
        roots = [row["code"] for row in table("categories.csv") if not row["parent"]]
        assert roots == ["master", "seasons"]

    def test_channels_use_known_locales_currencies_and_trees(self) -> None:
        assert codes("channels.csv") == set(CHANNELS)
        for channel in table("channels.csv"):
            assert set(split(channel["locales"])) == codes("locales.csv") == set(LOCALES)
            assert split(channel["currencies"]) == ["EUR"]
            assert channel["tree"] in codes("categories.csv")


class TestProducts:
    def test_there_are_about_a_hundred_and_fifty_in_three_families(self) -> None:
        families = Counter(row["family"] for row in table("products.csv"))
        assert families == {"outdoor_clothing": 80, "footwear": 37, "kitchen_home": 39}

    @pytest.mark.parametrize("name", ["products.csv", "product_models.csv"])
    def test_columns_are_known_attributes(self, name: str) -> None:
        assert set(table(name)[0]) - known_columns() == set()

    @pytest.mark.parametrize("name", ["products.csv", "product_models.csv"])
    def test_options_and_categories_exist(self, name: str) -> None:
        for row in table(name):
            assert set(split(row["categories"])) <= codes("categories.csv"), row
            for attribute, known in options().items():
                assert set(split(row.get(attribute, ""))) <= known, row

    def test_every_product_is_in_the_navigation_tree(self) -> None:
        navigation = {row["code"] for row in table("categories.csv") if row["parent"]}
        navigation -= {row["code"] for row in table("categories.csv") if row["parent"] == "seasons"}
        for product in table("products.csv"):
            assert navigation & set(split(effective(product)["categories"])), product["sku"]

    def test_every_end_of_the_navigation_tree_holds_a_product(self) -> None:
        parents = {row["parent"] for row in table("categories.csv")}
        leaves = codes("categories.csv") - parents
        used = {c for p in table("products.csv") for c in split(effective(p)["categories"])}
        assert leaves - used == set()

    def test_every_product_is_complete_on_every_channel(self) -> None:
        attributes = {row["code"]: row for row in table("attributes.csv")}
        families = {row["code"]: row for row in table("families.csv")}
        missing = []
        for product in table("products.csv"):
            values = effective(product)
            for channel in CHANNELS:
                for code in split(families[product["family"]][f"requirements-{channel}"]):
                    needed = columns_of(attributes[code], channel)
                    missing += [(product["sku"], c) for c in needed if c not in values]
        assert missing == []

    def test_values_are_attributes_of_the_family(self) -> None:
        attributes = {row["code"]: set(split(row["attributes"])) for row in table("families.csv")}
        for product in table("products.csv"):
            columns = set(effective(product)) - STRUCTURE
            used = {column.split("-")[0] for column in columns if not column.endswith("-products")}
            assert used <= attributes[product["family"]], product["sku"]

    def test_barcodes_are_valid_unique_and_in_the_range_for_use_in_store(self) -> None:
        barcodes = [row["ean"] for row in table("products.csv")]
        for barcode in barcodes:
            assert re.fullmatch(r"2\d{12}", barcode), barcode
            assert barcode[-1] == check_digit(barcode[:-1]), barcode
        assert len(set(barcodes)) == len(barcodes)

    def test_metrics_are_positive_and_carry_a_unit(self) -> None:
        for product in table("products.csv"):
            assert product["weight"], product["sku"]
            for metric in ("weight", "power", "capacity"):
                assert bool(product[metric]) == bool(product[f"{metric}-unit"]), product["sku"]
                assert not product[metric] or Decimal(product[metric]) > 0, product["sku"]

    def test_associations_lead_to_other_products(self) -> None:
        for product in table("products.csv"):
            for kind in codes("association_types.csv"):
                linked = set(split(product[f"{kind}-products"]))
                assert linked <= codes("products.csv", "sku") - {product["sku"]}, product["sku"]

    def test_pictures_exist_are_small_and_all_used(self) -> None:
        used = {effective(row)["image"] for row in table("products.csv")}
        files = sorted((CATALOGUE / "media").iterdir())
        assert {f"media/{path.name}" for path in files} == used
        assert len(files) <= 20
        for path in files:
            assert path.stat().st_size < 2048, path.name
            assert path.read_text(encoding="utf-8").startswith("<svg xmlns="), path.name


class TestVariants:
    def test_products_without_a_parent_are_those_of_the_home_family(self) -> None:
        for product in table("products.csv"):
            assert (product["parent"] == "") == (product["family"] == "kitchen_home")

    def test_parents_stand_one_level_up_in_the_same_family_variant(self) -> None:
        for model in table("product_models.csv"):
            for above in ancestors(model):
                assert above["family_variant"] == model["family_variant"], model["code"]
        for product in table("products.csv"):
            if product["parent"]:
                variant = family_variants()[models()[product["parent"]]["family_variant"]]
                assert variant["family"] == product["family"], product["sku"]
                levels = 2 if variant["variant-axes_2"] else 1
                assert len(list(ancestors(product))) == levels, product["sku"]

    def test_codes_start_with_that_of_the_parent(self) -> None:
        for row in (*table("products.csv"), *table("product_models.csv")):
            assert (row.get("sku") or row["code"]).startswith(row["parent"]), row

    def test_every_model_has_children(self) -> None:
        parents = {row["parent"] for row in (*table("products.csv"), *table("product_models.csv"))}
        assert set(models()) - parents == set()

    def test_values_stand_on_the_level_their_family_variant_says(self) -> None:
        for row in (*table("products.csv"), *table("product_models.csv")):
            above = list(ancestors(row))
            if "family_variant" in row:
                variant = family_variants()[row["family_variant"]]
            elif above:
                variant = family_variants()[above[0]["family_variant"]]
            else:
                continue
            filled = {column.split("-")[0] for column, value in row.items() if value}
            for level in (1, 2):
                varying = set(split(variant[f"variant-attributes_{level}"])) - {"sku"}
                if level != len(above):
                    assert not filled & varying, row
            if above:
                assert set(split(variant[f"variant-axes_{len(above)}"])) <= filled, row

    def test_siblings_differ_by_their_axes(self) -> None:
        combinations = []
        for product in table("products.csv"):
            values = effective(product)
            if product["parent"]:
                root = list(ancestors(product))[-1]
                variant = family_variants()[root["family_variant"]]
                axes = split(variant["variant-axes_1"]) + split(variant["variant-axes_2"])
                combinations.append((root["code"], *(values[axis] for axis in axes)))
        assert len(combinations) == len(set(combinations)) == 117


class TestPrices:
    def test_every_sku_has_one_base_price_equal_to_its_product(self) -> None:
        base = {r["sku"]: r["amount"] for r in table("prices.csv") if r["price_list"] == "base"}
        assert base == {p["sku"]: effective(p)["price-EUR"] for p in table("products.csv")}

    def test_amounts_have_two_decimals_and_are_in_the_currency_of_their_list(self) -> None:
        currency = {row["code"]: row["currency"] for row in table("price_lists.csv")}
        for row in table("prices.csv"):
            assert re.fullmatch(r"[1-9]\d*\.\d\d", row["amount"]), row
            assert row["currency"] == currency[row["price_list"]], row
            assert row["sku"] in codes("products.csv", "sku"), row

    def test_other_lists_are_cheaper_and_each_tier_cheaper_still(self) -> None:
        base = {p["sku"]: Decimal(effective(p)["price-EUR"]) for p in table("products.csv")}
        last: dict[tuple[str, str], tuple[int, Decimal]] = {}
        for row in table("prices.csv"):
            if row["price_list"] == "base":
                continue
            tier, amount = int(row["min_quantity"]), Decimal(row["amount"])
            below = last.get((row["price_list"], row["sku"]), (0, base[row["sku"]]))
            assert tier > below[0], row
            assert amount < below[1], row
            last[row["price_list"], row["sku"]] = (tier, amount)
        used = {price_list for price_list, _ in last}
        assert used == codes("price_lists.csv") - {"base"}

    def test_every_list_names_a_known_channel_and_has_a_quantity_tier_for_the_trade(self) -> None:
        for price_list in table("price_lists.csv"):
            assert price_list["channel"] in {"", *CHANNELS}
        trade = [row for row in table("prices.csv") if row["price_list"] == "professionals"]
        assert {row["min_quantity"] for row in trade} == {"1", "6", "24"}

    def test_coupons_are_a_percentage_or_an_amount_in_a_currency(self) -> None:
        assert {"BIENVENUE10", "5EUROS"} <= codes("coupons.csv")
        for coupon in table("coupons.csv"):
            value = Decimal(coupon["value"])
            if coupon["kind"] == "percent":
                assert 0 < value <= 100, coupon["code"]
            else:
                assert (coupon["kind"], coupon["currency"]) == ("amount", "EUR"), coupon["code"]
                assert Decimal(coupon["minimum_amount"]) > value > 0, coupon["code"]

    def test_shipping_is_free_above_sixty_euros_and_pick_up_always(self) -> None:
        methods = table("shipping_methods.csv")
        assert {row["code"]: (row["amount"], row["free_above"]) for row in methods} == {
            "standard": ("4.90", "60.00"),
            "express": ("9.90", ""),
            "store_pick_up": ("0.00", ""),
        }


class TestStock:
    def on_hand(self) -> dict[str, dict[str, int]]:
        stock: dict[str, dict[str, int]] = defaultdict(dict)
        for row in table("stock.csv"):
            stock[row["sku"]][row["location"]] = int(row["on_hand"])
        return stock

    def test_there_are_three_warehouses_and_twelve_stores_in_metropolitan_france(self) -> None:
        kinds = Counter(row["kind"] for row in table("locations.csv"))
        assert kinds == {"warehouse": 3, "store": 12}
        for row in table("locations.csv"):
            assert 41 < Decimal(row["latitude"]) < 51.2, row["code"]
            assert -5.2 < Decimal(row["longitude"]) < 9.6, row["code"]
            assert (row["country"], row["time_zone"]) == ("FR", "Europe/Paris"), row["code"]
            assert re.fullmatch(r"\d{5}", row["postal_code"]), row["code"]
            assert re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", row["cut_off"]), row["code"]
            assert (row["kind"] == "store") == (row["can_pick_up"] == "1"), row["code"]

    def test_every_sku_is_counted_somewhere_we_know(self) -> None:
        stock = self.on_hand()
        assert set(stock) == codes("products.csv", "sku")
        assert {location for levels in stock.values() for location in levels} == codes(
            "locations.csv"
        )

    def test_only_three_skus_are_sold_out_everywhere(self) -> None:
        sold_out = {sku for sku, levels in self.on_hand().items() if not any(levels.values())}
        assert sold_out == SOLD_OUT

    def test_one_sku_has_its_last_unit_in_the_lyon_store(self) -> None:
        stock = self.on_hand()
        last = [sku for sku, levels in stock.items() if sum(levels.values()) == 1]
        assert last == ["CLO-GIVRE-OCH-L"]
        assert stock["CLO-GIVRE-OCH-L"]["store_lyon"] == 1

    def test_two_skus_near_lyon_can_only_leave_from_two_places(self) -> None:
        stock = self.on_hand()
        assert stock["CLO-BRUME-NAV-M"] == {"warehouse_lyon": 24}
        assert stock["SHO-AGNEAU-38"] == {"store_lyon": 9}
