"""Create the catalogue: structure, products, publications, imports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from comptoir_runtime.migrations import create_runtime_tables, drop_runtime_tables

revision = "0001"
down_revision = None

TABLES = (
    "structure_revision",
    "attributes",
    "attribute_options",
    "families",
    "family_variants",
    "categories",
    "channels",
    "product_models",
    "products",
    "product_unique_values",
    "product_categories",
    "publications",
    "published_documents",
    "publication_categories",
    "product_states",
    "imports",
    "import_files",
    "import_chunks",
    "import_errors",
)


def upgrade() -> None:
    create_runtime_tables(op)
    _create_structure_revision()
    _create_attributes()
    _create_attribute_options()
    _create_families()
    _create_family_variants()
    _create_categories()
    _create_channels()
    _create_product_models()
    _create_products()
    _create_product_unique_values()
    _create_product_categories()
    _create_publications()
    _create_published_documents()
    _create_publication_categories()
    _create_product_states()
    _create_imports()
    _create_import_files()
    _create_import_chunks()
    _create_import_errors()
    op.execute("INSERT INTO structure_revision (id, revision, shown_revision) VALUES (1, 0, 0)")
    op.execute("CREATE SEQUENCE publication_position")
    # Pieces of files are written and read once or twice: compressing them costs more than room.
    op.execute("ALTER TABLE import_chunks ALTER COLUMN content SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.execute("DROP SEQUENCE publication_position")
    for table in reversed(TABLES):
        op.drop_table(table)
    drop_runtime_tables(op)


def _create_structure_revision() -> None:
    op.create_table(
        "structure_revision",
        sa.Column("id", sa.SmallInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("shown_revision", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_structure_revision_one_row"),
        sa.PrimaryKeyConstraint("id", name="pk_structure_revision"),
    )


def _create_attributes() -> None:
    op.create_table(
        "attributes",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("type", sa.SmallInteger(), nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        sa.Column("localisable", sa.Boolean(), nullable=False),
        sa.Column("scopable", sa.Boolean(), nullable=False),
        sa.Column("is_unique", sa.Boolean(), nullable=False),
        sa.Column("attribute_group", sa.Text(), server_default="", nullable=False),
        sa.Column("metric_family", sa.Text(), server_default="", nullable=False),
        sa.Column("metric_unit", sa.Text(), server_default="", nullable=False),
        sa.Column("max_characters", sa.Integer(), server_default="0", nullable=False),
        sa.Column("number_min", sa.Text(), server_default="", nullable=False),
        sa.Column("number_max", sa.Text(), server_default="", nullable=False),
        sa.Column("date_min", sa.Text(), server_default="", nullable=False),
        sa.Column("date_max", sa.Text(), server_default="", nullable=False),
        sa.Column("decimals_allowed", sa.Boolean(), nullable=False),
        sa.Column("validation_regexp", sa.Text(), server_default="", nullable=False),
        sa.Column("sort_order", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_attributes"),
    )


def _create_attribute_options() -> None:
    op.create_table(
        "attribute_options",
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        sa.Column("sort_order", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("attribute", "code", name="pk_attribute_options"),
    )


def _create_families() -> None:
    op.create_table(
        "families",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        sa.Column("attributes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("label_attribute", sa.Text(), server_default="", nullable=False),
        sa.Column("image_attribute", sa.Text(), server_default="", nullable=False),
        sa.Column("requirements", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_families"),
    )


def _create_family_variants() -> None:
    op.create_table(
        "family_variants",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), server_default="", nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        sa.Column("levels", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_family_variants"),
    )


def _create_categories() -> None:
    op.create_table(
        "categories",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), server_default="", nullable=False),
        sa.Column("tree", sa.Text(), server_default="", nullable=False),
        sa.Column("path", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "path[1] = tree AND path[cardinality(path)] = code", name="ck_categories_path"
        ),
        sa.PrimaryKeyConstraint("code", name="pk_categories"),
    )
    op.create_index("ix_categories_tree_code", "categories", ["tree", "code"])


def _create_channels() -> None:
    op.create_table(
        "channels",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("labels", postgresql.JSONB(), nullable=False),
        sa.Column("locales", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("currencies", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("tree", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_channels"),
    )


def _create_product_models() -> None:
    op.create_table(
        "product_models",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("family_variant", sa.Text(), server_default="", nullable=False),
        sa.Column("parent", sa.Text(), server_default="", nullable=False),
        sa.Column("categories", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("axes", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_product_models"),
        sa.UniqueConstraint(
            "parent",
            "axes",
            deferrable=True,
            initially="DEFERRED",
            name="uq_product_models_parent_axes",
        ),
    )


def _create_products() -> None:
    op.create_table(
        "products",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("gtin", sa.Text(), server_default="", nullable=False),
        sa.Column("family", sa.Text(), server_default="", nullable=False),
        sa.Column("parent", sa.Text(), server_default="", nullable=False),
        sa.Column("categories", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("associations", postgresql.JSONB(), nullable=False),
        sa.Column("tax_class", sa.Text(), server_default="", nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("axes", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("version > 0", name="ck_products_version"),
        sa.PrimaryKeyConstraint("id", name="pk_products"),
        sa.UniqueConstraint(
            "parent", "axes", deferrable=True, initially="DEFERRED", name="uq_products_parent_axes"
        ),
        sa.UniqueConstraint("sku", name="uq_products_sku"),
    )
    op.create_index("ix_products_family_sku", "products", ["family", "sku"])


def _create_product_unique_values() -> None:
    op.create_table(
        "product_unique_values",
        sa.Column("attribute", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("attribute", "content", name="pk_product_unique_values"),
    )
    op.create_index("ix_product_unique_values_product_id", "product_unique_values", ["product_id"])


def _create_product_categories() -> None:
    op.create_table(
        "product_categories",
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("category", "sku", name="pk_product_categories"),
    )
    op.create_index("ix_product_categories_sku", "product_categories", ["sku"])


def _create_publications() -> None:
    op.create_table(
        "publications",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("shown_revision", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(state = 2) = (position IS NOT NULL)", name="ck_publications_position"),
        sa.CheckConstraint("state IN (2, 3)", name="ck_publications_state"),
        sa.PrimaryKeyConstraint("channel", "product_id", name="pk_publications"),
        sa.UniqueConstraint("position", name="uq_publications_position"),
    )
    op.create_index("ix_publications_channel_position", "publications", ["channel", "position"])
    op.create_index("ix_publications_channel_sku", "publications", ["channel", "sku"], unique=True)
    op.create_index("ix_publications_product_id", "publications", ["product_id"])
    op.create_index(
        "ix_publications_shown_revision",
        "publications",
        ["shown_revision", "product_id"],
        postgresql_where=sa.text("state = 2"),
    )


def _create_published_documents() -> None:
    op.create_table(
        "published_documents",
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("position", "locale", name="pk_published_documents"),
    )


def _create_publication_categories() -> None:
    op.create_table(
        "publication_categories",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "channel", "category", "position", name="pk_publication_categories"
        ),
    )
    op.create_index("ix_publication_categories_position", "publication_categories", ["position"])


def _create_product_states() -> None:
    op.create_table(
        "product_states",
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("product_id", name="pk_product_states"),
    )


def _create_imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("created_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("updated_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unchanged_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state BETWEEN 0 AND 4", name="ck_imports_state"),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
    )
    op.create_index(
        "ix_imports_open", "imports", ["created_at"], postgresql_where=sa.text("state < 3")
    )


def _create_import_files() -> None:
    op.create_table(
        "import_files",
        sa.Column("import_id", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("row_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("read_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.CheckConstraint("read_count <= row_count", name="ck_import_files_progress"),
        sa.PrimaryKeyConstraint("import_id", "ordinal", name="pk_import_files"),
    )


def _create_import_chunks() -> None:
    op.create_table(
        "import_chunks",
        sa.Column("import_id", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.SmallInteger(), nullable=False),
        sa.Column("piece", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "ordinal", "piece", name="pk_import_chunks"),
    )


def _create_import_errors() -> None:
    op.create_table(
        "import_errors",
        sa.Column("import_id", sa.Text(), nullable=False),
        sa.Column("ordinal", sa.SmallInteger(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("column_name", sa.Text(), server_default="", nullable=False),
        sa.Column("content", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("import_id", "ordinal", "line", "number", name="pk_import_errors"),
    )
