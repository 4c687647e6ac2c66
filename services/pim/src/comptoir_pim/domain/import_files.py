"""The files an import may have, in the order their contents need."""

from dataclasses import dataclass

NAMES = (
    "categories.csv",
    "channels.csv",
    "attributes.csv",
    "attribute_options.csv",
    "families.csv",
    "family_variants.csv",
    "product_models.csv",
    "products.csv",
)
MODELS = "product_models.csv"
PRODUCTS = "products.csv"
STRUCTURE = frozenset(NAMES) - {MODELS, PRODUCTS}


def ordinal_of(name: str) -> int | None:
    """The place of a file in an import; None when its name tells nothing."""
    return NAMES.index(name) if name in NAMES else None


@dataclass(frozen=True, slots=True)
class Piece:
    """The next bytes of a file."""

    name: str
    content: bytes
