"""Shapes of storage. At run time they are used through the SQL in `store`."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

import comptoir_runtime.tables as runtime

Arguments = tuple[Any, ...]


def _key() -> "Column[str]":
    return Column(Text, primary_key=True)


def _text() -> "Column[str]":
    return Column(Text, nullable=False, server_default="")


def _texts() -> "Column[list[str]]":
    return Column(ARRAY(Text), nullable=False)


def _json() -> "Column[Any]":
    return Column(JSONB, nullable=False)


def _flag() -> "Column[bool]":
    return Column(Boolean, nullable=False)


def _count() -> "Column[int]":
    return Column(Integer, nullable=False, server_default="0")


class StructureRevision(SQLModel, table=True):
    """One row; `revision` grows with each change of what describes products.

    `shown_revision` is the revision of the last change that the public can see.
    """

    __tablename__ = "structure_revision"
    __table_args__: ClassVar[Arguments] = (CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    revision: int = Field(sa_column=Column(BigInteger, nullable=False))
    shown_revision: int = Field(sa_column=Column(BigInteger, nullable=False))


class Attribute(SQLModel, table=True):
    __tablename__ = "attributes"

    code: str = Field(sa_column=_key())
    type: int = Field(sa_column=Column(SmallInteger, nullable=False))
    labels: dict[str, str] = Field(sa_column=_json())
    localisable: bool = Field(sa_column=_flag())
    scopable: bool = Field(sa_column=_flag())
    is_unique: bool = Field(sa_column=_flag())
    attribute_group: str = Field(sa_column=_text())
    metric_family: str = Field(sa_column=_text())
    metric_unit: str = Field(sa_column=_text())
    max_characters: int = Field(sa_column=_count())
    number_min: str = Field(sa_column=_text())
    number_max: str = Field(sa_column=_text())
    date_min: str = Field(sa_column=_text())
    date_max: str = Field(sa_column=_text())
    decimals_allowed: bool = Field(sa_column=_flag())
    validation_regexp: str = Field(sa_column=_text())
    sort_order: int = Field(sa_column=_count())


class AttributeOption(SQLModel, table=True):
    __tablename__ = "attribute_options"

    attribute: str = Field(sa_column=_key())
    code: str = Field(sa_column=_key())
    labels: dict[str, str] = Field(sa_column=_json())
    sort_order: int = Field(sa_column=_count())


class Family(SQLModel, table=True):
    __tablename__ = "families"

    code: str = Field(sa_column=_key())
    labels: dict[str, str] = Field(sa_column=_json())
    attributes: list[str] = Field(sa_column=_texts())
    label_attribute: str = Field(sa_column=_text())
    image_attribute: str = Field(sa_column=_text())
    requirements: dict[str, list[str]] = Field(sa_column=_json())


class FamilyVariant(SQLModel, table=True):
    """`levels` are objects {axes, attributes}, outermost first."""

    __tablename__ = "family_variants"

    code: str = Field(sa_column=_key())
    family: str = Field(sa_column=_text())
    labels: dict[str, str] = Field(sa_column=_json())
    levels: list[dict[str, list[str]]] = Field(sa_column=_json())


class Category(SQLModel, table=True):
    """`path` leads from the root of the tree to the category itself."""

    __tablename__ = "categories"
    __table_args__: ClassVar[Arguments] = (
        CheckConstraint("path[1] = tree AND path[cardinality(path)] = code", name="path"),
        Index("ix_categories_tree_code", "tree", "code"),
    )

    code: str = Field(sa_column=_key())
    parent: str = Field(sa_column=_text())
    tree: str = Field(sa_column=_text())
    path: list[str] = Field(sa_column=_texts())
    labels: dict[str, str] = Field(sa_column=_json())
    position: int = Field(sa_column=_count())
    version: int = Field(sa_column=Column(Integer, nullable=False))


class Channel(SQLModel, table=True):
    __tablename__ = "channels"

    code: str = Field(sa_column=_key())
    labels: dict[str, str] = Field(sa_column=_json())
    locales: list[str] = Field(sa_column=_texts())
    currencies: list[str] = Field(sa_column=_texts())
    tree: str = Field(sa_column=_text())


class ProductModel(SQLModel, table=True):
    """What variants have in common. `axes` tells a sub-model apart from its siblings."""

    __tablename__ = "product_models"
    __table_args__: ClassVar[Arguments] = (
        # Deferred: two siblings may swap their axes in one transaction.
        UniqueConstraint("parent", "axes", deferrable=True, initially="DEFERRED"),
    )

    code: str = Field(sa_column=_key())
    family_variant: str = Field(sa_column=_text())
    parent: str = Field(sa_column=_text())
    categories: list[str] = Field(sa_column=_texts())
    content: dict[str, Any] = Field(sa_column=_json())
    axes: str | None = Field(sa_column=Column(Text))
    version: int = Field(sa_column=Column(Integer, nullable=False))


class Product(SQLModel, table=True):
    """What is sold; `content` are the values of its own level."""

    __tablename__ = "products"
    __table_args__: ClassVar[Arguments] = (
        UniqueConstraint("sku"),
        UniqueConstraint("parent", "axes", deferrable=True, initially="DEFERRED"),
        Index("ix_products_family_sku", "family", "sku"),
        CheckConstraint("version > 0", name="version"),
    )

    id: str = Field(sa_column=_key())
    sku: str = Field(sa_column=Column(Text, nullable=False))
    gtin: str = Field(sa_column=_text())
    family: str = Field(sa_column=_text())
    parent: str = Field(sa_column=_text())
    categories: list[str] = Field(sa_column=_texts())
    content: dict[str, Any] = Field(sa_column=_json())
    associations: dict[str, list[str]] = Field(sa_column=_json())
    tax_class: str = Field(sa_column=_text())
    enabled: bool = Field(sa_column=_flag())
    axes: str | None = Field(sa_column=Column(Text))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    created_at: datetime = Field(sa_column=runtime.timestamp())
    updated_at: datetime = Field(sa_column=runtime.timestamp())


class ProductUniqueValue(SQLModel, table=True):
    """A value that no two products may share."""

    __tablename__ = "product_unique_values"
    __table_args__: ClassVar[Arguments] = (
        Index("ix_product_unique_values_product_id", "product_id"),
    )

    attribute: str = Field(sa_column=_key())
    content: str = Field(sa_column=_key())
    product_id: str = Field(sa_column=Column(Text, nullable=False))


class ProductCategory(SQLModel, table=True):
    """A product under each of its categories and all above them, to list by."""

    __tablename__ = "product_categories"
    __table_args__: ClassVar[Arguments] = (Index("ix_product_categories_sku", "sku"),)

    category: str = Field(sa_column=_key())
    sku: str = Field(sa_column=_key())


class Publication(SQLModel, table=True):
    """Where a product stands in one channel: state 2 published, 3 withdrawn.

    `position` orders what a channel shows; `shown_revision` is that of the structure the documents
    were made with: they are made again when there is a newer one.
    """

    __tablename__ = "publications"
    __table_args__: ClassVar[Arguments] = (
        CheckConstraint("state IN (2, 3)", name="state"),
        CheckConstraint("(state = 2) = (position IS NOT NULL)", name="position"),
        UniqueConstraint("position"),
        Index("ix_publications_channel_position", "channel", "position"),
        Index("ix_publications_channel_sku", "channel", "sku", unique=True),
        Index("ix_publications_product_id", "product_id"),
        Index(
            "ix_publications_shown_revision",
            "shown_revision",
            "product_id",
            postgresql_where=text("state = 2"),
        ),
    )

    channel: str = Field(sa_column=_key())
    product_id: str = Field(sa_column=_key())
    sku: str = Field(sa_column=Column(Text, nullable=False))
    state: int = Field(sa_column=Column(SmallInteger, nullable=False))
    position: int | None = Field(sa_column=Column(BigInteger))
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    fingerprint: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    shown_revision: int = Field(sa_column=Column(BigInteger, nullable=False))
    published_at: datetime = Field(sa_column=runtime.timestamp())


class PublishedDocument(SQLModel, table=True):
    """A serialised PublishedProduct, ready to be sent."""

    __tablename__ = "published_documents"

    position: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    locale: str = Field(sa_column=_key())
    document: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class PublicationCategory(SQLModel, table=True):
    """What a channel shows under each category, those below included, in order."""

    __tablename__ = "publication_categories"
    __table_args__: ClassVar[Arguments] = (Index("ix_publication_categories_position", "position"),)

    channel: str = Field(sa_column=_key())
    category: str = Field(sa_column=_key())
    position: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))


class ProductState(SQLModel, table=True):
    """The last state told to the other services, to tell it only when it changes."""

    __tablename__ = "product_states"

    product_id: str = Field(sa_column=_key())
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    withdrawn: bool = Field(sa_column=_flag())
    fingerprint: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Import(SQLModel, table=True):
    """A load of files: state 0 receiving, 1 queued, 2 running, 3 finished, 4 failed."""

    __tablename__ = "imports"
    __table_args__: ClassVar[Arguments] = (
        CheckConstraint("state BETWEEN 0 AND 4", name="state"),
        Index("ix_imports_open", "created_at", postgresql_where=text("state < 3")),
    )

    id: str = Field(sa_column=_key())
    state: int = Field(sa_column=Column(SmallInteger, nullable=False))
    created_count: int = Field(sa_column=_count())
    updated_count: int = Field(sa_column=_count())
    unchanged_count: int = Field(sa_column=_count())
    attempts: int = Field(sa_column=_count())
    lease_owner: str | None = Field(sa_column=Column(Text))
    lease_until: datetime | None = Field(sa_column=runtime.timestamp(nullable=True))
    created_at: datetime = Field(sa_column=runtime.timestamp())
    finished_at: datetime | None = Field(sa_column=runtime.timestamp(nullable=True))


class ImportFile(SQLModel, table=True):
    """One file of an import. `read_count` rows are done; a restart goes on after them."""

    __tablename__ = "import_files"
    __table_args__: ClassVar[Arguments] = (
        CheckConstraint("read_count <= row_count", name="progress"),
    )

    import_id: str = Field(sa_column=_key())
    ordinal: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    name: str = Field(sa_column=Column(Text, nullable=False))
    row_count: int = Field(sa_column=_count())
    read_count: int = Field(sa_column=_count())
    error_count: int = Field(sa_column=_count())
    done: bool = Field(sa_column=_flag())


class ImportChunk(SQLModel, table=True):
    """A piece of a file; deleted when the import is over."""

    __tablename__ = "import_chunks"

    import_id: str = Field(sa_column=_key())
    ordinal: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    piece: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class ImportProblem(SQLModel, table=True):
    """What is wrong with a row; `severity` 1 refused the row, 2 left something out."""

    __tablename__ = "import_errors"

    import_id: str = Field(sa_column=_key())
    ordinal: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    line: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    number: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    column_name: str = Field(sa_column=_text())
    content: str = Field(sa_column=_text())
    reason: str = Field(sa_column=_text())
    severity: int = Field(sa_column=Column(SmallInteger, nullable=False))
