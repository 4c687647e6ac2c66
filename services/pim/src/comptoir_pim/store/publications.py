"""What the channels show: documents ready to be sent, and what others were told."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from comptoir_runtime.database import Session

PUBLISHED = 2
WITHDRAWN = 3

_DOCUMENT = """
JOIN published_documents d ON d.position = {position} AND d.locale = $2
"""
GET_BY_SKU = f"""
SELECT d.document FROM publications u {_DOCUMENT.format(position="u.position")}
WHERE u.channel = $1 AND u.sku = $3
"""
GET_BY_ID = f"""
SELECT d.document FROM publications u {_DOCUMENT.format(position="u.position")}
WHERE u.channel = $1 AND u.product_id = $3
"""
LIST_ALL = f"""
SELECT d.position, d.document FROM publications u {_DOCUMENT.format(position="u.position")}
WHERE u.channel = $1 AND u.position > $3 ORDER BY u.position LIMIT $4
"""
LIST_CATEGORY = f"""
SELECT d.position, d.document FROM publication_categories k
{_DOCUMENT.format(position="k.position")}
WHERE k.channel = $1 AND k.category = $5 AND k.position > $3 ORDER BY k.position LIMIT $4
"""
LIST_SKUS = f"""
SELECT d.position, d.document FROM publications u {_DOCUMENT.format(position="u.position")}
WHERE u.channel = $1 AND u.sku = ANY ($6::text[]) AND u.position > $3
  AND ($5 = '' OR EXISTS (SELECT FROM publication_categories k
    WHERE k.channel = $1 AND k.category = $5 AND k.position = u.position))
ORDER BY u.position LIMIT $4
"""
CHANNELS_OF = """
SELECT product_id, channel FROM publications
WHERE product_id = ANY ($1::text[]) AND state = 2 ORDER BY product_id, channel
"""
PUBLICATIONS = """
SELECT product_id, state, version, fingerprint FROM publications
WHERE channel = $1 AND product_id = ANY ($2::text[])
"""
SHOWN_BELOW = """
SELECT u.product_id FROM products p
JOIN publications u ON u.channel = $1 AND u.product_id = p.id AND u.state = 2
WHERE p.parent = ANY ($2::text[])
"""
SHOW = """
INSERT INTO publications
  (channel, product_id, sku, state, position, version, fingerprint, shown_revision, published_at)
SELECT $1, given.id, given.sku, 2, nextval('publication_position'), given.version,
  given.fingerprint, $7, $6
FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bytea[]) WITH ORDINALITY
  AS given (id, sku, version, fingerprint, place)
ORDER BY given.place
ON CONFLICT (channel, product_id) DO UPDATE SET
  state = 2, position = coalesce(publications.position, excluded.position),
  version = excluded.version, fingerprint = excluded.fingerprint,
  shown_revision = excluded.shown_revision,
  published_at = excluded.published_at
RETURNING product_id, position
"""
FRESH = """
UPDATE publications SET shown_revision = $3
WHERE channel = $1 AND product_id = ANY ($2::text[]) AND state = 2 AND shown_revision < $3
"""
DROP_DOCUMENTS = "DELETE FROM published_documents WHERE position = ANY ($1::bigint[])"
KEEP_DOCUMENTS = """
INSERT INTO published_documents (position, locale, document)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[])
"""
DROP_CATEGORIES = "DELETE FROM publication_categories WHERE position = ANY ($1::bigint[])"
KEEP_CATEGORIES = """
INSERT INTO publication_categories (channel, category, position)
SELECT $1, * FROM unnest($2::text[], $3::bigint[])
"""
HIDE = """
WITH gone AS (
  SELECT product_id, position FROM publications
  WHERE channel = $1 AND product_id = ANY ($2::text[]) AND state = 2
  ORDER BY product_id FOR UPDATE
), documents AS (
  DELETE FROM published_documents USING gone WHERE published_documents.position = gone.position
), categories AS (
  DELETE FROM publication_categories USING gone
  WHERE publication_categories.position = gone.position
)
UPDATE publications SET state = 3, position = NULL, version = version + 1
FROM gone WHERE publications.channel = $1 AND publications.product_id = gone.product_id
RETURNING publications.product_id
"""
STATES = """
SELECT product_id, version, withdrawn, fingerprint FROM product_states
WHERE product_id = ANY ($1::text[])
"""
KEEP_STATES = """
INSERT INTO product_states (product_id, version, withdrawn, fingerprint)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::boolean[], $4::bytea[])
ON CONFLICT (product_id) DO UPDATE SET
  version = excluded.version, withdrawn = excluded.withdrawn, fingerprint = excluded.fingerprint
"""
OUTDATED = """
SELECT product_id FROM publications WHERE state = 2 AND shown_revision < $1
ORDER BY shown_revision, product_id LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class Publication:
    """Where a product stands in a channel."""

    state: int
    version: int
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Shown:
    """What a channel is to show of a product: a serialised document by locale."""

    id: str
    sku: str
    version: int
    fingerprint: bytes
    documents: Mapping[str, bytes]
    categories: Sequence[str]
    """The categories it is listed in and all above them."""


@dataclass(frozen=True, slots=True)
class ToldState:
    """The last state told to the other services; `fingerprint` is empty when withdrawn."""

    id: str
    version: int
    withdrawn: bool
    fingerprint: bytes


async def get_document(
    session: Session, channel: str, locale: str, *, sku: str = "", product_id: str = ""
) -> bytes | None:
    """The serialised document of one product, by its id or its sku."""
    sql, key = (GET_BY_ID, product_id) if product_id else (GET_BY_SKU, sku)
    document: bytes | None = await session.fetchval(sql, channel, locale, key)
    return document


async def list_documents(
    session: Session,
    *,
    channel: str,
    locale: str,
    after: int,
    limit: int,
    category: str = "",
    skus: Sequence[str] = (),
) -> list[tuple[int, bytes]]:
    """Serialised documents with their positions, in the order of first publication."""
    if skus:
        rows = await session.fetch(LIST_SKUS, channel, locale, after, limit, category, list(skus))
    elif category:
        rows = await session.fetch(LIST_CATEGORY, channel, locale, after, limit, category)
    else:
        rows = await session.fetch(LIST_ALL, channel, locale, after, limit)
    return [(row[0], row[1]) for row in rows]


async def channels_of(session: Session, ids: Collection[str]) -> dict[str, list[str]]:
    """The channels that show these products, sorted, by product id."""
    found: dict[str, list[str]] = {}
    for row in await session.fetch(CHANNELS_OF, list(ids)):
        found.setdefault(row["product_id"], []).append(row["channel"])
    return found


async def publications(
    session: Session, channel: str, ids: Collection[str]
) -> dict[str, Publication]:
    """Where these products stand in a channel, by id; without those that were never published."""
    rows = await session.fetch(PUBLICATIONS, channel, list(ids))
    return {
        row["product_id"]: Publication(row["state"], row["version"], row["fingerprint"])
        for row in rows
    }


async def shown_below(session: Session, channel: str, models: Sequence[str]) -> list[str]:
    """Ids of the variants of these models that the channel shows."""
    if not models:
        return []
    return [row["product_id"] for row in await session.fetch(SHOWN_BELOW, channel, list(models))]


async def show(
    session: Session, channel: str, products: Sequence[Shown], shown_revision: int
) -> None:
    """Publishes products, or replaces what is shown of them."""
    rows = await session.fetch(
        SHOW,
        channel,
        [each.id for each in products],
        [each.sku for each in products],
        [each.version for each in products],
        [each.fingerprint for each in products],
        session.clock.now(),
        shown_revision,
    )
    positions = {row["product_id"]: row["position"] for row in rows}
    every = list(positions.values())
    await session.execute(DROP_DOCUMENTS, every)
    documents = [
        (positions[each.id], locale, document)
        for each in products
        for locale, document in each.documents.items()
    ]
    if documents:
        await session.execute(
            KEEP_DOCUMENTS, *(list(column) for column in zip(*documents, strict=True))
        )
    await session.execute(DROP_CATEGORIES, every)
    links = [(code, positions[each.id]) for each in products for code in each.categories]
    if links:
        columns = (list(column) for column in zip(*links, strict=True))
        await session.execute(KEEP_CATEGORIES, channel, *columns)


async def mark_fresh(
    session: Session, channel: str, ids: Collection[str], shown_revision: int
) -> None:
    """Notes that what is shown of these products is as it should be at this revision."""
    await session.execute(FRESH, channel, list(ids), shown_revision)


async def hide(session: Session, channel: str, ids: Collection[str]) -> list[str]:
    """Takes products out of a channel; the ids of those it had shown."""
    return [row["product_id"] for row in await session.fetch(HIDE, channel, list(ids))]


async def outdated_products(session: Session, shown_revision: int, limit: int) -> list[str]:
    """Ids of products shown as they were before this revision; some of them twice."""
    rows = await session.fetch(OUTDATED, shown_revision, limit)
    return [row["product_id"] for row in rows]


async def told_states(session: Session, ids: Collection[str]) -> dict[str, ToldState]:
    """What the others were told last of these products, by id."""
    rows = await session.fetch(STATES, list(ids))
    return {
        row["product_id"]: ToldState(
            row["product_id"], row["version"], row["withdrawn"], row["fingerprint"]
        )
        for row in rows
    }


async def keep_states(session: Session, states: Sequence[ToldState]) -> None:
    """Remembers what the others are told now."""
    await session.execute(
        KEEP_STATES,
        [each.id for each in states],
        [each.version for each in states],
        [each.withdrawn for each in states],
        [each.fingerprint for each in states],
    )
