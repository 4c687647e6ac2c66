"""Payments, what was asked of providers, their notices, and the ledger.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

from comptoir_runtime.migrations import create_runtime_tables, drop_runtime_tables

revision = "0001"
down_revision = None

TIME = sa.DateTime(timezone=True)

# The database itself refuses what the books must never hold.
LEDGER_RULES = """
CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: post a correction'
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION ledger_transfer_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM ledger_entry WHERE operation_id = NEW.operation_id) < 2
        OR EXISTS (
            SELECT FROM ledger_entry WHERE operation_id = NEW.operation_id
            GROUP BY currency HAVING sum(amount) <> 0
        )
    THEN
        RAISE EXCEPTION 'the transfer of % does not balance', NEW.operation_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_transfer_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfer
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_entry_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

-- At commit, when all lines are there; on the lines too, as one may be added to an old transfer.
CREATE CONSTRAINT TRIGGER ledger_transfer_balanced
    AFTER INSERT ON ledger_transfer DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_transfer_balances();
CREATE CONSTRAINT TRIGGER ledger_entry_balanced
    AFTER INSERT ON ledger_entry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_transfer_balances();
"""


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    create_runtime_tables(op)
    _create_payment()
    _create_operation()
    _create_provider_notice()
    _create_ledger()
    op.execute(LEDGER_RULES)


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    for table in (
        "ledger_entry",
        "ledger_transfer",
        "ledger_account",
        "provider_notice",
        "operation",
        "payment",
    ):
        op.drop_table(table)
    op.execute("DROP FUNCTION ledger_transfer_balances")
    op.execute("DROP FUNCTION ledger_is_append_only")
    drop_runtime_tables(op)


def _create_payment() -> None:
    op.create_table(
        "payment",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("order_id", sa.Text, nullable=False),
        sa.Column("payer", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("authorised_amount", sa.BigInteger, nullable=False),
        sa.Column("captured_amount", sa.BigInteger, nullable=False),
        sa.Column("refunded_amount", sa.BigInteger, nullable=False),
        sa.Column("capturing_amount", sa.BigInteger, nullable=False),
        sa.Column("refunding_amount", sa.BigInteger, nullable=False),
        sa.Column("voiding", sa.Boolean, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("display", sa.Text, nullable=False),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("provider_reference", sa.Text, nullable=False),
        sa.Column("settles_in", sa.Text, nullable=False),
        sa.Column("action_url", sa.Text, nullable=False),
        sa.Column("decline_code", sa.Text, nullable=False),
        sa.Column("retryable", sa.Boolean, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.CheckConstraint("amount > 0", name="amount_above_zero"),
        sa.CheckConstraint(
            "authorised_amount BETWEEN 0 AND amount", name="authorised_within_amount"
        ),
        sa.CheckConstraint(
            "captured_amount >= 0 AND capturing_amount >= 0"
            " AND captured_amount + capturing_amount <= authorised_amount",
            name="captured_within_authorised",
        ),
        sa.CheckConstraint(
            "refunded_amount >= 0 AND refunding_amount >= 0"
            " AND refunded_amount + refunding_amount <= captured_amount",
            name="refunded_within_captured",
        ),
    )
    op.create_index("ix_payment_order_id", "payment", ["order_id", "id"])
    op.create_index(
        "uq_payment_provider_reference",
        "payment",
        ["provider", "provider_reference"],
        unique=True,
        postgresql_where=sa.text("provider_reference <> ''"),
    )


def _create_operation() -> None:
    op.create_table(
        "operation",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("payment_id", sa.Text, sa.ForeignKey("payment.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("caller", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("request_hash", sa.LargeBinary, nullable=False),
        sa.Column("provider_reference", sa.Text, nullable=False),
        sa.Column("failure_code", sa.Text, nullable=False),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("return_url", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("answer", sa.LargeBinary),
        sa.CheckConstraint("amount >= 0", name="amount_not_negative"),
        sa.CheckConstraint(
            "(state IN ('pending', 'unknown')) = (next_attempt_at IS NOT NULL)",
            name="open_is_due",
        ),
    )
    op.create_index(
        "uq_operation_request", "operation", ["scope", "caller", "request_id"], unique=True
    )
    op.create_index("ix_operation_payment_id", "operation", ["payment_id", "id"])
    op.create_index(
        "uq_operation_one_authorisation",
        "operation",
        ["payment_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'authorise'"),
    )
    op.create_index(
        "uq_operation_one_release",
        "operation",
        ["payment_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'void' AND state IN ('pending', 'unknown')"),
    )
    op.create_index(
        "ix_operation_due",
        "operation",
        ["next_attempt_at"],
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )


def _create_provider_notice() -> None:
    op.create_table(
        "provider_notice",
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("payment_id", sa.Text, sa.ForeignKey("payment.id")),
        sa.Column("provider_reference", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", TIME),
        sa.Column("received_at", TIME, nullable=False),
        sa.CheckConstraint("(state = 'open') = (next_attempt_at IS NOT NULL)", name="open_is_due"),
    )
    op.create_index(
        "ix_provider_notice_due",
        "provider_notice",
        ["next_attempt_at"],
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
    )
    op.create_index("ix_provider_notice_payment_id", "provider_notice", ["payment_id"])


def _create_ledger() -> None:
    op.create_table(
        "ledger_account",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("currency", sa.Text, primary_key=True),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_table(
        "ledger_transfer",
        sa.Column("operation_id", sa.Text, sa.ForeignKey("operation.id"), primary_key=True),
        sa.Column("payment_id", sa.Text, sa.ForeignKey("payment.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("posted_at", TIME, nullable=False),
    )
    op.create_table(
        "ledger_entry",
        sa.Column(
            "operation_id", sa.Text, sa.ForeignKey("ledger_transfer.operation_id"), primary_key=True
        ),
        sa.Column("number", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("posted_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["account", "currency"], ["ledger_account.code", "ledger_account.currency"]
        ),
        sa.CheckConstraint("amount <> 0", name="amount_not_zero"),
    )
    op.create_index("ix_ledger_entry_currency_posted_at", "ledger_entry", ["currency", "posted_at"])
