"""Catalogues to test with."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from comptoir.pim.v1 import pim_service_pb2 as pb
from comptoir.pim.v1 import structure_pb2
from comptoir_pim.domain.structure import (
    Attribute,
    AttributeType,
    Category,
    Channel,
    Family,
    FamilyVariant,
    Level,
    Option,
    Roles,
    Structure,
)
from comptoir_pim.operations.import_work import Worker
from comptoir_pim.store.structure import Structures
from comptoir_testing.harness import ServiceHarness

ROLES = Roles(hidden_groups=frozenset({"erp"}))
STAFF_PERMISSIONS = (
    "catalogue.read",
    "catalogue.write",
    "catalogue.publish",
    "catalogue.import",
)
GTIN = "4006381333931"
OTHER_GTIN = "3017620422003"

_numbers = itertools.count(1)


def unique() -> str:
    """A request id."""
    return f"request-{next(_numbers)}"


def attributes() -> dict[str, Attribute]:
    """One attribute of each kind, and those a shirt needs."""
    found = [
        Attribute("sku", AttributeType.IDENTIFIER, unique=True),
        Attribute("ean", AttributeType.TEXT, unique=True, group="erp"),
        Attribute("name", AttributeType.TEXT, {"fr_FR": "Nom", "en_GB": "Name"}, localisable=True),
        Attribute("description", AttributeType.RICH_TEXT, localisable=True, scopable=True),
        Attribute("colour", AttributeType.OPTION, {"fr_FR": "Couleur", "en_GB": "Colour"}),
        Attribute("size", AttributeType.OPTION, {"fr_FR": "Taille", "en_GB": "Size"}),
        Attribute("care", AttributeType.MULTI_OPTION, {"fr_FR": "Entretien"}),
        Attribute("weight", AttributeType.METRIC, metric_family="Weight", metric_unit="GRAM"),
        Attribute("price", AttributeType.PRICE),
        Attribute("waterproof", AttributeType.BOOLEAN, {"fr_FR": "Étanche"}),
        Attribute("since", AttributeType.DATE),
        Attribute("stars", AttributeType.NUMBER, number_min="0", number_max="5"),
        Attribute("image", AttributeType.ASSET),
        Attribute("mill", AttributeType.REFERENCE),
        Attribute("supplier", AttributeType.TEXT, group="erp"),
    ]
    return {attribute.code: attribute for attribute in found}


def options() -> dict[str, dict[str, Option]]:
    """Colours, sizes in their order, and care."""
    found = {
        "colour": {"blue": {"fr_FR": "Bleu", "en_GB": "Blue"}, "red": {"fr_FR": "Rouge"}},
        "size": {"s": {"fr_FR": "S"}, "m": {"fr_FR": "M"}, "xl": {"fr_FR": "XL"}},
        "care": {"wash_30": {"fr_FR": "Lavage à 30 °C"}, "no_iron": {}},
    }
    return {
        attribute: {
            code: Option(attribute, code, labels, place)
            for place, (code, labels) in enumerate(choices.items(), start=1)
        }
        for attribute, choices in found.items()
    }


def structure(**changed: Any) -> Structure:
    """Shirts that vary by colour, then size; two channels in two languages."""
    categories = {
        "master": Category("master", "", "master", ("master",)),
        "clothing": Category("clothing", "master", "master", ("master", "clothing")),
        "shirts": Category("shirts", "clothing", "master", ("master", "clothing", "shirts")),
        "seasons": Category("seasons", "", "seasons", ("seasons",)),
        "summer": Category("summer", "seasons", "seasons", ("seasons", "summer")),
    }
    shirt = Family(
        "shirt",
        {"fr_FR": "Chemise"},
        (*attributes(),),
        "name",
        "image",
        {"web": ("sku", "name", "colour", "price"), "store": ("sku", "name")},
    )
    levels = (
        Level(("colour",), ("colour", "image")),
        Level(("size",), ("sku", "size", "ean", "weight")),
    )
    return Structure(
        **{
            "attributes": attributes(),
            "options": options(),
            "families": {"shirt": shirt},
            "variants": {"by_colour_size": FamilyVariant("by_colour_size", "shirt", {}, levels)},
            "categories": categories,
            "channels": {
                "web": Channel("web", {}, ("fr_FR", "en_GB"), ("EUR",), "master"),
                "store": Channel("store", {}, ("fr_FR",), ("EUR", "CHF"), ""),
            },
            **changed,
        }
    )


# --- files ------------------------------------------------------------------------------------

FILES: Mapping[str, Sequence[str]] = {
    "categories.csv": (
        "code;parent;label-fr_FR;label-en_GB",
        "shirts;clothing;Chemises;Shirts",  # a child may stand above its parent
        "master;;Catalogue;Catalogue",
        "clothing;master;Vêtements;Clothing",
        "shoes;master;Chaussures;Shoes",
        "seasons;;Saisons;Seasons",
        "summer;seasons;Été;Summer",
    ),
    "channels.csv": (
        "code;label-fr_FR;locales;currencies;tree",
        "web;Site;fr_FR,en_GB;EUR;master",
        "store;Magasin;fr_FR;EUR,CHF;",
    ),
    "attributes.csv": (
        (
            "code;type;group;label-fr_FR;label-en_GB;localizable;scopable;unique;decimals_allowed;"
            "metric_family;default_metric_unit;number_min;number_max"
        ),
        "sku;pim_catalog_identifier;trade;Référence;SKU;0;0;1;;;;;",
        "ean;pim_catalog_text;erp;Code-barres;Barcode;0;0;1;;;;;",
        "name;pim_catalog_text;trade;Nom;Name;1;0;0;;;;;",
        "description;pim_catalog_textarea;trade;Description;Description;1;1;0;;;;;",
        "colour;pim_catalog_simpleselect;style;Couleur;Colour;0;0;0;;;;;",
        "size;pim_catalog_simpleselect;style;Taille;Size;0;0;0;;;;;",
        "weight;pim_catalog_metric;trade;Poids;Weight;0;0;0;1;Weight;GRAM;;",
        "price;pim_catalog_price_collection;trade;Prix;Price;0;0;0;1;;;;",
        "stars;pim_catalog_number;trade;Étoiles;Stars;0;0;0;0;;;0;5",
        "image;pim_catalog_image;trade;Image;Picture;0;0;0;;;;;",
        "tax_class;pim_catalog_simpleselect;trade;TVA;VAT;0;0;0;;;;;",
    ),
    "attribute_options.csv": (
        "code;attribute;label-fr_FR;label-en_GB;sort_order",
        "blue;colour;Bleu;Blue;1",
        "red;colour;Rouge;Red;2",
        "s;size;S;S;1",
        "m;size;M;M;2",
        "xl;size;XL;XL;3",
        "standard;tax_class;Normal;Standard;1",
        "reduced;tax_class;Réduit;Reduced;2",
    ),
    "families.csv": (
        (
            "code;label-fr_FR;attributes;attribute_as_label;attribute_as_image;"
            "requirements-web;requirements-store"
        ),
        (
            "shirt;Chemise;sku,ean,name,description,colour,size,weight,price,stars,image,tax_class;"
            "name;image;sku,name,colour,price;sku,name"
        ),
    ),
    "family_variants.csv": (
        (
            "code;family;label-fr_FR;variant-axes_1;variant-axes_2;variant-attributes_1;"
            "variant-attributes_2"
        ),
        "by_size;shirt;Par taille;size;;sku,ean,size,weight;",
    ),
    "product_models.csv": (
        (
            "code;family_variant;parent;categories;name-fr_FR;name-en_GB;description-fr_FR-web;"
            "colour;price-EUR;image"
        ),
        "OXFORD;by_size;;shirts;Chemise Oxford;Oxford shirt;En coton.;blue;59.90;oxford.svg",
    ),
    "products.csv": (
        (
            "sku;family;parent;categories;enabled;ean;name-fr_FR;name-en_GB;colour;size;price-EUR;"
            "weight;weight-unit;X_SELL-products"
        ),
        "OXFORD-S;shirt;OXFORD;;1;4006381333931;;;;s;;210;GRAM;POLO",
        "OXFORD-M;shirt;OXFORD;;1;3017620422003;;;;m;;0.22;KILOGRAM;",
        "POLO;shirt;;shirts,summer;1;;Polo;Polo shirt;red;m;39;;;",
        "PLAIN;shirt;;clothing;1;;Sans prix;;blue;m;;;;",
    ),
}


def content(lines: Sequence[str]) -> bytes:
    """A file of these lines."""
    return "".join(f"{line}\n" for line in lines).encode()


def files(**changed: Sequence[str]) -> list[pb.ImportFile]:
    """The sample files, some of them with other lines: `files(products=[...])`."""
    return [
        pb.ImportFile(name=name, content=content(changed.get(name.removesuffix(".csv"), lines)))
        for name, lines in FILES.items()
    ]


def only(name: str, *lines: str) -> list[pb.ImportFile]:
    """One file."""
    return [pb.ImportFile(name=f"{name}.csv", content=content(lines))]


# --- a catalogue in a running service -----------------------------------------------------------


def staff(harness: ServiceHarness) -> str:
    """Somebody who may do everything here."""
    return harness.tokens.staff(*STAFF_PERMISSIONS)


W = TypeVar("W", bound=Worker)


def worker_of(
    kind: type[W], harness: ServiceHarness, *, owner: str = "wrk_test", batch_rows: int = 2
) -> W:
    """A worker that does only what it is told; small batches, so that there are several."""
    return kind(
        transactions=harness.transactions,
        structures=Structures(),
        roles=ROLES,
        batch_rows=batch_rows,
        lease=timedelta(seconds=15),
        pause=timedelta(0),
        owner=owner,
    )


def worker(harness: ServiceHarness, *, owner: str = "wrk_test", batch_rows: int = 2) -> Worker:
    """A worker as it is in production."""
    return worker_of(Worker, harness, owner=owner, batch_rows=batch_rows)


async def imported(
    harness: ServiceHarness, given: Sequence[pb.ImportFile], *, batch_rows: int = 2
) -> structure_pb2.Import:
    """Imports files and waits for the end."""
    token = staff(harness)
    queued = await harness.call("StartImport", pb.StartImportRequest(files=given), token)
    assert await worker(harness, batch_rows=batch_rows).work_once()
    ended: structure_pb2.Import = await harness.call(
        "GetImport", pb.GetImportRequest(import_id=queued.id), token
    )
    assert ended.state == structure_pb2.Import.STATE_FINISHED
    return ended


async def errors_of(harness: ServiceHarness, import_id: str) -> list[structure_pb2.ImportError]:
    """What is wrong with the rows of an import."""
    answer = await harness.call(
        "ListImportErrors",
        pb.ListImportErrorsRequest(import_id=import_id, page_size=500),
        staff(harness),
    )
    return list(answer.errors)


async def published(harness: ServiceHarness, *skus: str, channel: str = "web") -> Any:
    """Publishes products."""
    request = pb.PublishProductsRequest(channel=channel, skus=skus)
    return await harness.call("PublishProducts", request, staff(harness))


async def catalogue(harness: ServiceHarness) -> None:
    """The sample files imported, all that can be published in "web"."""
    await imported(harness, files(), batch_rows=50)
    await published(harness)
