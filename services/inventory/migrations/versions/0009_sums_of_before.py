"""What was moved before: summed place by place, a few hundred of them at a time.

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"

# Whoever moves something holds its place, so nothing is on its way while some are held here; and
# what they have committed before is seen, as the sum is a statement of its own.
_SUM = """
DO $$
DECLARE
    held record;
    last_sku text := '';
    last_location text := '';
BEGIN
    LOOP
        SELECT array_agg(sku ORDER BY sku, location) AS skus,
            array_agg(location ORDER BY sku, location) AS locations
        INTO held FROM (
            SELECT sku, location FROM stock_item
            WHERE (sku, location) > (last_sku, last_location) AND moved IS NULL
            ORDER BY sku, location LIMIT 500 FOR UPDATE) AS batch;
        EXIT WHEN held.skus IS NULL;
        UPDATE stock_item AS s SET moved = (
            SELECT coalesce(sum(units), 0) FROM movement AS m
            WHERE m.sku = s.sku AND m.location = s.location)
        FROM unnest(held.skus, held.locations) AS w (sku, location)
        WHERE s.sku = w.sku AND s.location = w.location AND s.moved IS NULL;
        last_sku := held.skus[cardinality(held.skus)];
        last_location := held.locations[cardinality(held.locations)];
        COMMIT;
    END LOOP;
END $$"""


# The look at all rows keeps nobody from writing when it is a transaction of its own; then it is
# known that there is none, and nobody waits for a second look.
_LOOK = (
    "ALTER TABLE stock_item DROP CONSTRAINT IF EXISTS moved_is_known",
    "ALTER TABLE stock_item ADD CONSTRAINT moved_is_known CHECK (moved IS NOT NULL) NOT VALID",
    "ALTER TABLE stock_item VALIDATE CONSTRAINT moved_is_known",
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(_SUM)
        op.execute("SET lock_timeout = '3s'")
        for statement in _LOOK:
            op.execute(statement)
    op.execute("SET lock_timeout = '3s'")
    op.execute("ALTER TABLE stock_item ALTER COLUMN moved SET NOT NULL")
    op.execute("ALTER TABLE stock_item DROP CONSTRAINT moved_is_known")


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.execute("ALTER TABLE stock_item ALTER COLUMN moved DROP NOT NULL")
