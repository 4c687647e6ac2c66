"""The flush: what a transaction says to the world, written in one statement right before commit."""

from typing import Any

from comptoir_runtime.database.session import Session

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

_ANSWER = """
INSERT INTO idempotency (scope, caller, key, request_hash, code, body, created_at)
VALUES (${0}, ${1}, ${2}, ${3}, ${4}, ${5}, ${6})"""

_ANSWER_ONLY = _ANSWER.format(*range(1, 8))
_ANSWER_AND = f"WITH answer AS ({_ANSWER.format(*range(7, 14))})"
_ANSWER_AND_ONE = _ANSWER_AND + _OUTBOX_ONE
_ANSWER_AND_MANY = _ANSWER_AND + _OUTBOX_MANY


def statement(session: Session) -> tuple[str, tuple[Any, ...]] | None:
    """The statement and its arguments; None when the session has nothing to write."""
    rows, answer = session.rows, session.answer
    if not rows and answer is None:
        return None
    kept: tuple[Any, ...] = ()
    if answer is not None:
        kept = (
            answer.scope,
            answer.caller,
            answer.key,
            answer.request_hash,
            answer.code,
            answer.body,
            session.clock.now(),
        )
    if not rows:
        return _ANSWER_ONLY, kept
    if len(rows) == 1:
        return (_ANSWER_AND_ONE if kept else _OUTBOX_ONE), rows[0] + kept
    return (_ANSWER_AND_MANY if kept else _OUTBOX_MANY), (*zip(*rows, strict=True), *kept)
