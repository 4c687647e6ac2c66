"""What describes products: read as one picture, written in bulk."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, TypeAlias

from comptoir_pim.domain.structure import (
    Attribute,
    AttributeType,
    Category,
    Channel,
    Family,
    FamilyVariant,
    Level,
    Option,
    Structure,
)
from comptoir_runtime.database import Session, Where

Thing: TypeAlias = Attribute | Option | Family | FamilyVariant | Category | Channel

_FRESH_SECONDS = 2.0

REVISION = "SELECT revision, shown_revision FROM structure_revision"
LOCK = "SELECT revision FROM structure_revision FOR UPDATE"
GROW = """
UPDATE structure_revision SET revision = revision + 1,
  shown_revision = CASE WHEN $1::boolean THEN revision + 1 ELSE shown_revision END
"""
ATTRIBUTES = "SELECT * FROM attributes ORDER BY code"
OPTIONS = "SELECT * FROM attribute_options ORDER BY attribute, sort_order, code"
FAMILIES = "SELECT * FROM families ORDER BY code"
VARIANTS = "SELECT * FROM family_variants ORDER BY code"
CATEGORIES = "SELECT * FROM categories ORDER BY code"
CHANNELS = "SELECT * FROM channels ORDER BY code"

_COLUMNS: Mapping[type, tuple[str, int, Mapping[str, str]]] = {
    # table, number of key columns, columns with their types
    Attribute: (
        "attributes",
        1,
        {
            "code": "text",
            "type": "smallint",
            "labels": "jsonb",
            "localisable": "boolean",
            "scopable": "boolean",
            "is_unique": "boolean",
            "attribute_group": "text",
            "metric_family": "text",
            "metric_unit": "text",
            "max_characters": "integer",
            "number_min": "text",
            "number_max": "text",
            "date_min": "text",
            "date_max": "text",
            "decimals_allowed": "boolean",
            "validation_regexp": "text",
            "sort_order": "integer",
        },
    ),
    Option: (
        "attribute_options",
        2,
        {"attribute": "text", "code": "text", "labels": "jsonb", "sort_order": "integer"},
    ),
    Family: (
        "families",
        1,
        {
            "code": "text",
            "labels": "jsonb",
            "attributes": "text[]",
            "label_attribute": "text",
            "image_attribute": "text",
            "requirements": "jsonb",
        },
    ),
    FamilyVariant: (
        "family_variants",
        1,
        {"code": "text", "family": "text", "labels": "jsonb", "levels": "jsonb"},
    ),
    Category: (
        "categories",
        1,
        {
            "code": "text",
            "parent": "text",
            "tree": "text",
            "path": "text[]",
            "labels": "jsonb",
            "position": "integer",
            "version": "integer",
        },
    ),
    Channel: (
        "channels",
        1,
        {
            "code": "text",
            "labels": "jsonb",
            "locales": "text[]",
            "currencies": "text[]",
            "tree": "text",
        },
    ),
}


def _upsert(table: str, keys: int, columns: Mapping[str, str]) -> str:
    names = list(columns)
    fields = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    changes = ", ".join(f"{name} = excluded.{name}" for name in names[keys:])
    return (
        f"INSERT INTO {table} ({', '.join(names)}) "
        f"SELECT {', '.join(names)} FROM jsonb_to_recordset($1) AS given ({fields}) "
        f"ON CONFLICT ({', '.join(names[:keys])}) DO UPDATE SET {changes}"
    )


UPSERTS = {kind: _upsert(*description) for kind, description in _COLUMNS.items()}


class Structures:
    """Keeps the last picture, and reads it again when something has changed."""

    def __init__(self) -> None:
        self._kept: Structure | None = None
        self._checked_at = 0.0

    async def current(self, session: Session) -> Structure:
        """The structure as it is committed now. One small query when nothing has changed."""
        row = await session.fetchrow(REVISION)
        assert row is not None
        if self._kept is None or self._kept.revision != row["revision"]:
            # Read after the revision: never older than its number says.
            self._kept = await read_structure(session, row["revision"], row["shown_revision"])
        self._checked_at = time.monotonic()
        return self._kept

    async def recent(self, session: Session) -> Structure:
        """The structure as it was two seconds ago at most; usually no query at all."""
        if self._kept is None or time.monotonic() - self._checked_at > _FRESH_SECONDS:
            return await self.current(session)
        return self._kept


async def lock_structure(session: Session) -> None:
    """Makes those who change the structure take turns."""
    await session.execute(LOCK)


async def read_structure(session: Session, revision: int, shown_revision: int) -> Structure:
    """The whole structure."""
    options: dict[str, dict[str, Option]] = {}
    for row in await session.fetch(OPTIONS):
        options.setdefault(row["attribute"], {})[row["code"]] = Option(**dict(row))
    return Structure(
        revision=revision,
        shown_revision=shown_revision,
        attributes={row["code"]: _attribute(row) for row in await session.fetch(ATTRIBUTES)},
        options=options,
        families={row["code"]: _family(row) for row in await session.fetch(FAMILIES)},
        variants={row["code"]: _variant(row) for row in await session.fetch(VARIANTS)},
        categories={row["code"]: category_of(row) for row in await session.fetch(CATEGORIES)},
        channels={row["code"]: _channel(row) for row in await session.fetch(CHANNELS)},
    )


async def write_structure(session: Session, things: Iterable[Thing], *, shown: bool) -> None:
    """Creates or replaces things; `shown` when what is published may look different then."""
    by_kind: dict[type, list[dict[str, Any]]] = {}
    for thing in things:
        by_kind.setdefault(type(thing), []).append(_row(thing))
    for kind, rows in by_kind.items():
        await session.execute(UPSERTS[kind], rows)
    if by_kind:
        await session.execute(GROW, shown)


async def list_categories(session: Session, tree: str, after: str, limit: int) -> list[Category]:
    """Categories by code, of one tree or of all."""
    where = Where()
    where.add("code > {}", after)
    if tree:
        where.add("tree = {}", tree)
    most = where.parameter(limit)
    rows = await session.fetch(
        f"SELECT * FROM categories {where} ORDER BY code LIMIT {most}", *where.values
    )
    return [category_of(row) for row in rows]


def _row(thing: Thing) -> dict[str, Any]:
    row = asdict(thing)
    if isinstance(thing, Attribute):
        row["is_unique"], row["attribute_group"] = row.pop("unique"), row.pop("group")
    return row


def _attribute(row: Any) -> Attribute:
    given = dict(row)
    given["unique"], given["group"] = given.pop("is_unique"), given.pop("attribute_group")
    given["type"] = AttributeType(given["type"])
    return Attribute(**given)


def _family(row: Any) -> Family:
    requirements = {channel: tuple(codes) for channel, codes in row["requirements"].items()}
    given = {**dict(row), "attributes": tuple(row["attributes"]), "requirements": requirements}
    return Family(**given)


def _variant(row: Any) -> FamilyVariant:
    levels = tuple(
        Level(tuple(level["axes"]), tuple(level["attributes"])) for level in row["levels"]
    )
    return FamilyVariant(**{**dict(row), "levels": levels})


def category_of(row: Any) -> Category:
    """A category from its row."""
    return Category(**{**dict(row), "path": tuple(row["path"])})


def _channel(row: Any) -> Channel:
    given = {**dict(row), "locales": tuple(row["locales"])}
    return Channel(**{**given, "currencies": tuple(row["currencies"])})
