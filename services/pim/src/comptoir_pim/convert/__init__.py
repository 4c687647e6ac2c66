"""Between messages and values, both ways, without decisions."""

from comptoir_pim.convert.imports import import_error, import_piece, import_summary
from comptoir_pim.convert.products import (
    change_of_input,
    change_of_update,
    product,
    publish_response,
)
from comptoir_pim.convert.published import page_of_documents, selection, serialised
from comptoir_pim.convert.structure import (
    attribute,
    category,
    category_of,
    category_to_create,
    channel,
    family,
)

__all__ = [
    "attribute",
    "category",
    "category_of",
    "category_to_create",
    "change_of_input",
    "change_of_update",
    "channel",
    "family",
    "import_error",
    "import_piece",
    "import_summary",
    "page_of_documents",
    "product",
    "publish_response",
    "selection",
    "serialised",
]
