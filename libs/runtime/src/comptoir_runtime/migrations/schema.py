"""The runtime's tables as the first migration of every service creates them.

Written out, not taken from `tables`: a migration must do the same for ever. A
change of the runtime's tables is a new function here, called by a new migration
of each service.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic.operations import Operations

_CREATE = """
CREATE TABLE outbox (
    id uuid NOT NULL,
    position bigint GENERATED ALWAYS AS IDENTITY,
    kind smallint NOT NULL,
    subject text NOT NULL,
    type text NOT NULL,
    payload bytea NOT NULL,
    headers jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    producer_seq bigint,
    previous_seq bigint,
    stream_seq bigint,
    published_at timestamptz,
    CONSTRAINT pk_outbox PRIMARY KEY (id)
);
CREATE INDEX ix_outbox_unpublished ON outbox (position) WHERE published_at IS NULL;
CREATE INDEX ix_outbox_kind_producer_seq ON outbox (kind, producer_seq)
    WHERE producer_seq IS NOT NULL;
CREATE INDEX ix_outbox_state ON outbox (subject, position) WHERE kind = 2;
CREATE INDEX ix_outbox_created_at ON outbox USING brin (created_at);

CREATE TABLE outbox_stream (
    kind smallint NOT NULL,
    created text NOT NULL,
    CONSTRAINT pk_outbox_stream PRIMARY KEY (kind)
);

CREATE TABLE outbox_sequence (
    type text NOT NULL,
    kind smallint NOT NULL,
    last_seq bigint NOT NULL,
    CONSTRAINT pk_outbox_sequence PRIMARY KEY (type)
);

CREATE TABLE inbox (
    id uuid NOT NULL,
    producer text NOT NULL,
    type text NOT NULL,
    producer_seq bigint NOT NULL,
    previous_seq bigint NOT NULL,
    processed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_inbox PRIMARY KEY (id)
);
CREATE INDEX ix_inbox_producer_type_producer_seq ON inbox (producer, type, producer_seq);
CREATE INDEX ix_inbox_processed_at ON inbox USING brin (processed_at);

CREATE TABLE inbox_cursor (
    producer text NOT NULL,
    type text NOT NULL,
    contiguous_seq bigint NOT NULL,
    gap_until bigint,
    gap_since timestamptz,
    CONSTRAINT pk_inbox_cursor PRIMARY KEY (producer, type)
);

CREATE TABLE dead_letter (
    id uuid NOT NULL,
    producer text NOT NULL,
    subject text NOT NULL,
    type text NOT NULL,
    payload bytea NOT NULL,
    headers jsonb NOT NULL,
    error text NOT NULL,
    deliveries bigint NOT NULL,
    first_at timestamptz NOT NULL DEFAULT now(),
    state text NOT NULL DEFAULT 'quarantined',
    CONSTRAINT pk_dead_letter PRIMARY KEY (id)
);
CREATE INDEX ix_dead_letter_state ON dead_letter (state, first_at);

CREATE TABLE idempotency (
    scope text NOT NULL,
    caller text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    code smallint NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_idempotency PRIMARY KEY (scope, caller, key)
);
CREATE INDEX ix_idempotency_created_at ON idempotency (created_at);

CREATE TABLE verification_key (
    kid text NOT NULL,
    jwk jsonb NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT pk_verification_key PRIMARY KEY (kid)
);

-- Rows come and go all the time: clean up early.
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE inbox SET (autovacuum_vacuum_scale_factor = 0.02);
"""

_TABLES = (
    "outbox",
    "outbox_stream",
    "outbox_sequence",
    "inbox",
    "inbox_cursor",
    "dead_letter",
    "idempotency",
    "verification_key",
)


def create_runtime_tables(op: "Operations | Any") -> None:
    """Creates the runtime's tables and indexes; `op` is `alembic.op`."""
    for statement in _CREATE.split(";\n"):
        if statement.strip():
            op.execute(statement)


def drop_runtime_tables(op: "Operations | Any") -> None:
    """Undoes `create_runtime_tables`."""
    op.execute(f"DROP TABLE {', '.join(_TABLES)}")
