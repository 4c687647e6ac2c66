"""Products and models: read and written in bulk."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asyncpg import SerializationError

from comptoir_pim.domain.products import Model, Product
from comptoir_runtime.database import Session

_PRODUCT = (
    "id, sku, gtin, family, parent, categories, content, associations, tax_class, enabled, axes, "
    "version"
)
_MODEL = "code, family_variant, parent, categories, content, axes, version"

LOCK_BY_SKU = f"""
SELECT {_PRODUCT} FROM products WHERE sku = ANY ($1::text[]) ORDER BY sku FOR NO KEY UPDATE
"""
BY_ID = f"SELECT {_PRODUCT} FROM products WHERE id = ANY ($1::text[]) ORDER BY sku"
LOCK_BY_ID = f"SELECT {_PRODUCT} FROM products WHERE id = $1 FOR NO KEY UPDATE"
ENABLED_SKUS = "SELECT sku FROM products WHERE enabled AND sku > $1 ORDER BY sku LIMIT $2"
MODELS = f"""
SELECT {_MODEL} FROM product_models WHERE code = ANY ($1::text[])
OR code = ANY (ARRAY(SELECT parent FROM product_models WHERE code = ANY ($1::text[])))
"""
LOCK_MODELS = """
SELECT code FROM product_models WHERE code = ANY ($1::text[]) ORDER BY code FOR NO KEY UPDATE
"""
SIMILAR_MODELS = "SELECT code FROM product_models WHERE lower(code) = ANY ($1::text[])"
LEAVES = """
SELECT code FROM product_models WHERE code = ANY ($1::text[]) OR parent = ANY ($1::text[])
"""
IDS_BELOW = "SELECT id, sku FROM products WHERE parent = ANY ($1::text[])"
UPSERT_PRODUCTS = f"""
INSERT INTO products ({_PRODUCT}, created_at, updated_at)
SELECT {_PRODUCT}, $2, $2 FROM jsonb_to_recordset($1) AS given (
  id text, sku text, gtin text, family text, parent text, categories text[], content jsonb,
  associations jsonb, tax_class text, enabled boolean, axes text, version integer)
ON CONFLICT (sku) DO UPDATE SET
  gtin = excluded.gtin, family = excluded.family, parent = excluded.parent,
  categories = excluded.categories, content = excluded.content,
  associations = excluded.associations, tax_class = excluded.tax_class,
  enabled = excluded.enabled, axes = excluded.axes, version = excluded.version,
  updated_at = excluded.updated_at
WHERE products.version = excluded.version - 1
"""
UPSERT_MODELS = f"""
INSERT INTO product_models ({_MODEL})
SELECT {_MODEL} FROM jsonb_to_recordset($1) AS given (
  code text, family_variant text, parent text, categories text[], content jsonb, axes text,
  version integer)
ON CONFLICT (code) DO UPDATE SET
  categories = excluded.categories, content = excluded.content, axes = excluded.axes,
  version = excluded.version
WHERE product_models.version = excluded.version - 1
"""
TAKEN_AXES = """
SELECT t.parent, t.axes, t.sku FROM products t
JOIN unnest($1::text[], $2::text[]) AS given (parent, axes)
  ON t.parent = given.parent AND t.axes = given.axes
"""
AXES_BELOW = """
SELECT parent, axes, code FROM product_models
WHERE parent = ANY ($1::text[]) AND axes IS NOT NULL
"""
TAKEN_VALUES = """
SELECT v.attribute, v.content, p.sku FROM product_unique_values v
JOIN unnest($1::text[], $2::text[]) AS given (attribute, content)
  ON v.attribute = given.attribute AND v.content = given.content
JOIN products p ON p.id = v.product_id
"""
FORGET_VALUES = "DELETE FROM product_unique_values WHERE product_id = ANY ($1::text[])"
KEEP_VALUES = """
INSERT INTO product_unique_values (attribute, content, product_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
"""
UNLINK = "DELETE FROM product_categories WHERE sku = ANY ($1::text[])"
LINK = """
INSERT INTO product_categories (category, sku)
SELECT DISTINCT above.code, p.sku
FROM products p
LEFT JOIN product_models m ON m.code = p.parent
LEFT JOIN product_models r ON r.code = m.parent
CROSS JOIN LATERAL unnest(p.categories || coalesce(m.categories, '{}')
  || coalesce(r.categories, '{}')) AS own (code)
JOIN categories c ON c.code = own.code
CROSS JOIN LATERAL unnest(c.path) AS above (code)
WHERE p.sku = ANY ($1::text[])
"""
SKUS_IN_CATEGORY = "SELECT sku FROM product_categories WHERE category = $1"
_VIEW = """
SELECT p.*, coalesce(m.categories, '{}') || coalesce(r.categories, '{}') AS inherited,
  coalesce(nullif(p.tax_class, ''), p.content ->> $1, m.content ->> $1, r.content ->> $1,
    'standard') AS effective_tax_class,
  (SELECT jsonb_object_agg(u.channel, u.state) FROM publications u WHERE u.product_id = p.id)
    AS states
FROM products p
LEFT JOIN product_models m ON m.code = p.parent
LEFT JOIN product_models r ON r.code = m.parent
"""
VIEW_ONE = _VIEW + "WHERE p.id = $2 OR p.sku = $2"
VIEW_MANY = _VIEW + "WHERE p.sku = ANY ($2::text[]) ORDER BY p.sku"
LIST = _VIEW + "WHERE p.sku > $2 ORDER BY p.sku LIMIT $3"
LIST_FAMILY = _VIEW + "WHERE p.sku > $2 AND p.family = $4 ORDER BY p.sku LIMIT $3"
LIST_CATEGORY = (
    _VIEW
    + """
JOIN product_categories k ON k.category = $5 AND k.sku = p.sku
WHERE k.sku > $2 AND ($4 = '' OR p.family = $4) ORDER BY k.sku LIMIT $3
"""
)

# A statement must end long before its timeout.
LINK_BATCH = 2000


@dataclass(frozen=True, slots=True)
class ProductView:
    """A product as staff sees it; categories and tax class with what comes from its models."""

    product: Product
    categories: tuple[str, ...]
    tax_class: str
    states: Mapping[str, int]
    """By channel: 2 published, 3 withdrawn."""
    created_at: datetime
    updated_at: datetime


async def lock_products(session: Session, skus: Sequence[str]) -> dict[str, Product]:
    """The products with these skus, by sku, locked in the order of their skus."""
    rows = await session.fetch(LOCK_BY_SKU, list(skus))
    return {row["sku"]: product_of(row) for row in rows}


async def lock_product(session: Session, product_id: str) -> Product | None:
    """One product, locked."""
    row = await session.fetchrow(LOCK_BY_ID, product_id)
    return None if row is None else product_of(row)


async def products_by_id(session: Session, ids: Collection[str]) -> dict[str, Product]:
    """Products by their id, ordered by sku."""
    rows = await session.fetch(BY_ID, list(ids))
    return {row["id"]: product_of(row) for row in rows}


async def enabled_skus(session: Session, after: str, limit: int) -> list[str]:
    """Skus of enabled products, in order."""
    return [row["sku"] for row in await session.fetch(ENABLED_SKUS, after, limit)]


async def read_models(session: Session, codes: Collection[str]) -> dict[str, Model]:
    """These models and those above them, by code."""
    if not codes:
        return {}
    return {row["code"]: _model(row) for row in await session.fetch(MODELS, list(codes))}


async def similar_models(session: Session, codes: Collection[str]) -> dict[str, str]:
    """Models whose codes differ from these in upper and lower case only, by lower-case code."""
    rows = await session.fetch(SIMILAR_MODELS, [code.lower() for code in codes])
    return {row["code"].lower(): row["code"] for row in rows}


async def lock_models(session: Session, codes: Collection[str]) -> None:
    """Locks models in the order of their codes."""
    if codes:
        await session.execute(LOCK_MODELS, list(codes))


async def leaf_models(session: Session, roots: Collection[str]) -> list[str]:
    """Root models and the models below them."""
    if not roots:
        return []
    return [row["code"] for row in await session.fetch(LEAVES, list(roots))]


async def variants_of(session: Session, models: Collection[str]) -> dict[str, str]:
    """Skus of the products directly below these models, by id."""
    if not models:
        return {}
    return {row["id"]: row["sku"] for row in await session.fetch(IDS_BELOW, list(models))}


async def write_products(session: Session, products: Sequence[Product]) -> None:
    """Creates or replaces products, known by their skus."""
    rows = [
        {
            "id": each.id,
            "sku": each.sku,
            "gtin": each.gtin,
            "family": each.family,
            "parent": each.parent,
            "categories": each.categories,
            "content": each.values,
            "associations": each.associations,
            "tax_class": each.tax_class,
            "enabled": each.enabled,
            "axes": each.axes,
            "version": each.version,
        }
        for each in products
    ]
    done = await session.execute(UPSERT_PRODUCTS, rows, session.clock.now())
    _all_written(done, len(rows))


async def write_models(session: Session, models: Sequence[Model]) -> None:
    """Creates or replaces models."""
    rows = [
        {
            "code": each.code,
            "family_variant": each.family_variant,
            "parent": each.parent,
            "categories": each.categories,
            "content": each.values,
            "axes": each.axes,
            "version": each.version,
        }
        for each in models
    ]
    _all_written(await session.execute(UPSERT_MODELS, rows), len(rows))


async def taken_axes(
    session: Session, places: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Which skus have these axes below these models, by (model, axes)."""
    wanted = list(places)
    if not wanted:
        return {}
    parents, axes = [parent for parent, _ in wanted], [axes for _, axes in wanted]
    rows = await session.fetch(TAKEN_AXES, parents, axes)
    return {(row["parent"], row["axes"]): row["sku"] for row in rows}


async def axes_below(session: Session, parents: Collection[str]) -> dict[tuple[str, str], str]:
    """Which models have which axes below these models: code by (parent, axes)."""
    if not parents:
        return {}
    rows = await session.fetch(AXES_BELOW, list(parents))
    return {(row["parent"], row["axes"]): row["code"] for row in rows}


async def taken_values(
    session: Session, values: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], str]:
    """Which skus have these unique values, by (attribute, value)."""
    wanted = list(values)
    if not wanted:
        return {}
    attributes, contents = [code for code, _ in wanted], [content for _, content in wanted]
    rows = await session.fetch(TAKEN_VALUES, attributes, contents)
    return {(row["attribute"], row["content"]): row["sku"] for row in rows}


async def keep_unique_values(session: Session, values: Mapping[str, Mapping[str, str]]) -> None:
    """Replaces the unique values of products, given by id and attribute."""
    if not values:
        return
    await session.execute(FORGET_VALUES, list(values))
    rows = [
        (attribute, content, product_id)
        for product_id, own in values.items()
        for attribute, content in own.items()
    ]
    if rows:
        await session.execute(KEEP_VALUES, *(list(column) for column in zip(*rows, strict=True)))


async def link_categories(session: Session, skus: Collection[str], *, new: bool = False) -> None:
    """Lists products under their categories, as they and their models say now."""
    every = list(skus)
    for start in range(0, len(every), LINK_BATCH):
        some = every[start : start + LINK_BATCH]
        if not new:
            await session.execute(UNLINK, some)
        await session.execute(LINK, some)


async def skus_in_category(session: Session, category: str) -> list[str]:
    """Skus of all products in a category or below it."""
    return [row["sku"] for row in await session.fetch(SKUS_IN_CATEGORY, category)]


async def view_product(session: Session, key: str, tax_attribute: str) -> ProductView | None:
    """A product by its id or sku."""
    row = await session.fetchrow(VIEW_ONE, tax_attribute, key)
    return None if row is None else _view(row)


async def view_products(
    session: Session, skus: Sequence[str], tax_attribute: str
) -> dict[str, ProductView]:
    """Products by their sku."""
    rows = await session.fetch(VIEW_MANY, tax_attribute, list(skus))
    return {row["sku"]: _view(row) for row in rows}


async def list_products(
    session: Session, *, family: str, category: str, after: str, limit: int, tax_attribute: str
) -> list[ProductView]:
    """Products by sku, of a family, or in a category or below it."""
    if category:
        given: tuple[Any, ...] = (LIST_CATEGORY, tax_attribute, after, limit, family, category)
    elif family:
        given = (LIST_FAMILY, tax_attribute, after, limit, family)
    else:
        given = (LIST, tax_attribute, after, limit)
    return [_view(row) for row in await session.fetch(*given)]


def _all_written(done: str, count: int) -> None:
    """Asks for another attempt when somebody else has created the same thing meanwhile."""
    if done != f"INSERT 0 {count}":
        raise SerializationError("another transaction has created one of these")


def product_of(row: Any) -> Product:
    """A product from its row."""
    return Product(
        id=row["id"],
        sku=row["sku"],
        gtin=row["gtin"],
        family=row["family"],
        parent=row["parent"],
        categories=tuple(row["categories"]),
        values=row["content"],
        associations=row["associations"],
        tax_class=row["tax_class"],
        enabled=row["enabled"],
        axes=row["axes"],
        version=row["version"],
    )


def _model(row: Any) -> Model:
    return Model(
        code=row["code"],
        family_variant=row["family_variant"],
        parent=row["parent"],
        categories=tuple(row["categories"]),
        values=row["content"],
        axes=row["axes"],
        version=row["version"],
    )


def _view(row: Any) -> ProductView:
    product = product_of(row)
    return ProductView(
        product=product,
        categories=tuple(dict.fromkeys((*product.categories, *row["inherited"]))),
        tax_class=row["effective_tax_class"],
        states=row["states"] or {},
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
