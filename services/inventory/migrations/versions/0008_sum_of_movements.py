"""The database sums the movements of each place as they are written.

Of places that are there already the sum is not known yet, and stays so until the next revision.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"

# The row of a place is locked from before its movement is written until that is committed.
_SUM = """
CREATE FUNCTION movement_is_summed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE stock_item SET moved = moved + NEW.units
    WHERE sku = NEW.sku AND location = NEW.location;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no stock of % at %', NEW.sku, NEW.location
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER movement_summed AFTER INSERT ON movement
    FOR EACH ROW EXECUTE FUNCTION movement_is_summed();
"""


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.execute("ALTER TABLE stock_item ADD COLUMN moved bigint")
    op.execute("ALTER TABLE stock_item ALTER COLUMN moved SET DEFAULT 0")
    op.execute(_SUM)


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.execute("DROP TRIGGER movement_summed ON movement")
    op.execute("DROP FUNCTION movement_is_summed")
    op.drop_column("stock_item", "moved")
