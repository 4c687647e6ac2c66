"""The flush: what a transaction says to the world, sent along with its commit."""

from typing import Any

from comptoir_runtime.database.link import Link
from comptoir_runtime.database.session import Answer, Session

_OUTBOX_ONE = """
INSERT INTO outbox (id, kind, subject, type, payload, headers)
VALUES ($1, $2, $3, $4, $5, $6)"""

# WITH ORDINALITY keeps the order of emission in `position`.
_OUTBOX_MANY = """
INSERT INTO outbox (id, kind, subject, type, payload, headers)
SELECT id, kind, subject, type, payload, headers
FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::text[], $5::bytea[], $6::jsonb[])
  WITH ORDINALITY AS event (id, kind, subject, type, payload, headers, number)
ORDER BY number"""

_ANSWER_ONE = """
INSERT INTO idempotency (scope, caller, key, request_hash, code, body, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)"""

# Of a batch. Sorted, so that two processes with the same keys do not wait for each other in a
# circle.
_ANSWER_MANY = """
INSERT INTO idempotency (scope, caller, key, request_hash, code, body, created_at)
SELECT scope, caller, key, request_hash, code, body, $7
FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::smallint[], $6::bytea[])
  AS answer (scope, caller, key, request_hash, code, body)
ORDER BY scope, caller, key"""


def hold(session: Session, link: Link) -> None:
    """The answers come first: when a key is taken, nothing else needs to be tried."""
    answers, rows = session.answers, session.rows
    if len(answers) == 1:
        link.hold(_ANSWER_ONE, (*_columns(answers[0]), session.clock.now()))
    elif answers:
        columns = zip(*map(_columns, answers), strict=True)
        link.hold(_ANSWER_MANY, (*columns, session.clock.now()))
    if len(rows) == 1:
        link.hold(_OUTBOX_ONE, rows[0])
    elif rows:
        link.hold(_OUTBOX_MANY, tuple(zip(*rows, strict=True)))


def _columns(answer: Answer) -> tuple[Any, ...]:
    return (
        answer.scope,
        answer.caller,
        answer.key,
        answer.request_hash,
        answer.code,
        answer.body,
    )
