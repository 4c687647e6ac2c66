"""Gift cards, store credit and credit accounts; providers' settlement reports.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TIME = sa.DateTime(timezone=True)

# What is in a purse is the sum of its entries: nobody can move one without the other.
PURSE_RULES = """
CREATE FUNCTION purse_follows_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE purse SET balance = balance - NEW.amount, updated_at = NEW.posted_at
    WHERE id = NEW.holder AND currency = NEW.currency;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no purse % in %', NEW.holder, NEW.currency
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_entry_moves_purse
    AFTER INSERT ON ledger_entry
    FOR EACH ROW WHEN (NEW.holder <> '') EXECUTE FUNCTION purse_follows_ledger();
"""


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    _create_purse()
    _extend_payment()
    _extend_operation()
    _extend_ledger()
    _create_reports()
    op.execute(PURSE_RULES)


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.drop_table("provider_report_line")
    op.drop_table("provider_report")
    op.execute("DROP TRIGGER ledger_entry_moves_purse ON ledger_entry")
    op.execute("DROP FUNCTION purse_follows_ledger")
    op.drop_index("ix_ledger_entry_holder", "ledger_entry")
    op.drop_column("ledger_entry", "holder")
    op.drop_constraint(op.f("ck_ledger_transfer_movements_have_payments"), "ledger_transfer")
    op.drop_index("ix_operation_provider_reference", "operation")
    for column in (
        "consent_text",
        "consent_at",
        "consent_by",
        "purse_id",
        "means",
        "reason",
        "amount_left",
    ):
        op.drop_column("operation", column)
    op.drop_index("ix_payment_lapsing", "payment")
    for column in ("lapsed", "due_at", "purse_id"):
        op.drop_column("payment", column)
    op.drop_table("purse_attempt")
    op.drop_table("purse")


def _create_purse() -> None:
    op.create_table(
        "purse",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("buyers", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("code_hash", sa.LargeBinary),
        sa.Column("display", sa.Text, nullable=False),
        sa.Column("balance", sa.BigInteger, nullable=False),
        sa.Column("held", sa.BigInteger, nullable=False),
        sa.Column("credit_limit", sa.BigInteger, nullable=False),
        sa.Column("terms_days", sa.Integer, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.CheckConstraint("held >= 0 AND credit_limit >= 0", name="not_negative"),
        # A limit may be lowered below what is owed: then the guard of the next order refuses it.
        sa.CheckConstraint("kind = 'on_account' OR balance >= held", name="held_is_there"),
        sa.CheckConstraint("(kind = 'gift_card') = (code_hash IS NOT NULL)", name="card_has_code"),
    )
    op.create_index(
        "uq_purse_code_hash",
        "purse",
        ["code_hash"],
        unique=True,
        postgresql_where=sa.text("code_hash IS NOT NULL"),
    )
    op.create_index(
        "uq_purse_owner",
        "purse",
        ["owner", "kind", "currency"],
        unique=True,
        postgresql_where=sa.text("kind <> 'gift_card'"),
    )
    op.create_table(
        "purse_attempt",
        sa.Column("caller", sa.Text, primary_key=True),
        sa.Column("since", TIME, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
    )


def _extend_payment() -> None:
    op.add_column("payment", sa.Column("purse_id", sa.Text, sa.ForeignKey("purse.id")))
    op.add_column("payment", sa.Column("due_at", TIME))
    op.add_column(
        "payment", sa.Column("lapsed", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_index(
        "ix_payment_lapsing",
        "payment",
        ["expires_at"],
        postgresql_where=sa.text("state IN ('authorised', 'partially_captured')"),
    )


def _extend_operation() -> None:
    op.add_column("operation", sa.Column("amount_left", sa.BigInteger))
    for name in ("reason", "means"):
        op.add_column("operation", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.add_column("operation", sa.Column("purse_id", sa.Text, sa.ForeignKey("purse.id")))
    op.add_column("operation", sa.Column("consent_by", sa.Text))
    op.add_column("operation", sa.Column("consent_at", TIME))
    op.add_column("operation", sa.Column("consent_text", sa.Text))
    op.create_check_constraint(
        "other_means_has_consent",
        "operation",
        "means = '' OR (kind = 'refund' AND purse_id IS NOT NULL AND consent_by IS NOT NULL"
        " AND consent_at IS NOT NULL AND consent_text IS NOT NULL)",
    )
    op.create_index(
        "ix_operation_provider_reference",
        "operation",
        ["provider_reference"],
        postgresql_where=sa.text("provider_reference <> ''"),
    )


def _extend_ledger() -> None:
    """Transfers that belong to no operation: value issued, receipts, fees, payouts."""
    op.drop_constraint(
        "fk_ledger_transfer_operation_id_operation", "ledger_transfer", type_="foreignkey"
    )
    op.alter_column("ledger_transfer", "payment_id", nullable=True)
    op.create_check_constraint(
        "movements_have_payments",
        "ledger_transfer",
        "(payment_id IS NULL) = (kind NOT IN ('capture', 'refund'))",
    )
    op.add_column("ledger_entry", sa.Column("holder", sa.Text, nullable=False, server_default=""))
    op.create_index(
        "ix_ledger_entry_holder",
        "ledger_entry",
        ["holder", "posted_at"],
        postgresql_where=sa.text("holder <> ''"),
    )


def _create_reports() -> None:
    op.create_table(
        "provider_report",
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("ends_at", TIME, nullable=False),
        sa.Column("imported_at", TIME, nullable=False),
        sa.CheckConstraint("starts_at < ends_at", name="starts_before_it_ends"),
    )
    op.create_table(
        "provider_report_line",
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("report_id", sa.Text, primary_key=True),
        sa.Column("line", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("provider_reference", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("fee", sa.BigInteger, nullable=False),
        sa.Column("booked_at", TIME, nullable=False),
        sa.Column("number", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("operation_id", sa.Text, sa.ForeignKey("operation.id")),
        sa.Column("transfer_id", sa.Text, sa.ForeignKey("ledger_transfer.operation_id")),
        sa.ForeignKeyConstraint(
            ["provider", "report_id"], ["provider_report.provider", "provider_report.id"]
        ),
    )
    op.create_index(
        "ix_provider_report_line_operation_id",
        "provider_report_line",
        ["operation_id"],
        postgresql_where=sa.text("operation_id IS NOT NULL"),
    )
