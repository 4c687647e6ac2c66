from comptoir_pim.domain.documents import Presenter, Shown, state_of, subject_of
from comptoir_pim.domain.products import Model, Product
from services.pim.tests.factories import GTIN, ROLES, structure

SHOP = structure()
WEB = Presenter(SHOP, ROLES, SHOP.channels["web"])
STORE = Presenter(SHOP, ROLES, SHOP.channels["store"])
ROOT = Model(
    code="OXFORD",
    family_variant="by_colour_size",
    categories=("shirts", "summer"),
    values={
        "name|fr_FR|": "Chemise Oxford",
        "name|en_GB|": "Oxford shirt",
        "description|fr_FR|web": r"En <b>coton</b>.\nDoux.",
        "supplier": "secret",
        "price": {"EUR": "59.90"},
    },
)
BLUE = Model(
    code="OXFORD-BLUE",
    family_variant="by_colour_size",
    parent="OXFORD",
    values={"colour": "blue", "image": "blue.svg"},
)


def variant(size: str) -> Product:
    return Product(
        id=f"prd_{size}",
        sku=f"OXFORD-BLUE-{size.upper()}",
        gtin=GTIN,
        family="shirt",
        parent="OXFORD-BLUE",
        values={"size": size, "ean": GTIN, "weight": {"amount": "0.21", "unit": "KILOGRAM"}},
        associations={"X_SELL": ["POLO"]},
    )


SUBJECTS = [subject_of(variant(size), (BLUE, ROOT)) for size in ("xl", "m", "s")]


class TestDocument:
    def test_a_variant_shows_what_it_has_from_its_models(self) -> None:
        document = WEB.document(SUBJECTS[1], "fr_FR", SUBJECTS)

        assert (document.name, document.image) == ("Chemise Oxford", "blue.svg")
        assert document.description == "En <b>coton</b>.\nDoux."
        assert (document.model, document.gtin) == ("OXFORD", GTIN)
        assert (document.tax_class, document.weight_grams) == ("standard", 210)
        assert document.attributes == (
            Shown("colour", "Couleur", "Bleu", "blue"),
            Shown("size", "Taille", "M", "m"),
            Shown("weight", "Weight", "0,21\u202fkg"),
        )

    def test_only_categories_of_the_channels_tree_are_listed(self) -> None:
        assert WEB.document(SUBJECTS[1], "fr_FR", ()).categories == ("shirts",)
        assert STORE.document(SUBJECTS[1], "fr_FR", ()).categories == ("shirts", "summer")

    def test_a_text_without_translation_is_shown_in_another_language_of_the_channel(self) -> None:
        document = WEB.document(SUBJECTS[1], "en_GB", ())

        assert document.name == "Oxford shirt"
        assert document.description == "En <b>coton</b>.\nDoux."

    def test_a_text_of_another_channel_is_not_shown(self) -> None:
        assert STORE.document(SUBJECTS[1], "fr_FR", ()).description == ""

    def test_sisters_are_told_apart_by_their_axes(self) -> None:
        document = WEB.document(SUBJECTS[1], "en_GB", SUBJECTS)

        assert [(each.sku, [axis.text for axis in each.axes]) for each in document.variants] == [
            ("OXFORD-BLUE-XL", ["Blue", "Xl"]),
            ("OXFORD-BLUE-M", ["Blue", "M"]),
            ("OXFORD-BLUE-S", ["Blue", "S"]),
        ]

    def test_variants_are_ordered_by_the_order_of_their_options(self) -> None:
        ordered = sorted(SUBJECTS, key=WEB.order)

        assert [each.product.values["size"] for each in ordered] == ["s", "m", "xl"]

    def test_a_product_without_a_name_is_called_by_its_sku(self) -> None:
        plain = subject_of(Product(sku="A-1", family="shirt"), ())

        assert WEB.document(plain, "fr_FR", ()).name == "A-1"

    def test_the_products_own_tax_class_comes_first(self) -> None:
        plain = subject_of(Product(sku="A-1", family="shirt", tax_class="reduced"), ())

        assert WEB.document(plain, "fr_FR", ()).tax_class == "reduced"


class TestState:
    def test_the_state_holds_all_names_and_the_categories_above(self) -> None:
        state = state_of(SUBJECTS[0], [STORE, WEB], SHOP, ROLES)

        assert state.names == {"fr_FR": "Chemise Oxford", "en_GB": "Oxford shirt"}
        assert state.categories == ("clothing", "master", "seasons", "shirts", "summer")
        assert state.channels == ("store", "web")
