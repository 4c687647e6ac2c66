"""The flush: what a transaction says to the world, written in one statement right before commit."""

from typing import Any

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

_ANSWER = """
INSERT INTO idempotency (scope, caller, key, request_hash, code, body, created_at)
VALUES (${0}, ${1}, ${2}, ${3}, ${4}, ${5}, ${6})"""

_ANSWER_ONLY = _ANSWER.format(*range(1, 8))
_ANSWER_AND = f"WITH answer AS ({_ANSWER.format(*range(7, 14))})"
_ANSWER_AND_ONE = _ANSWER_AND + _OUTBOX_ONE
_ANSWER_AND_MANY = _ANSWER_AND + _OUTBOX_MANY

# Of a batch. Sorted, so that two processes with the same keys do not wait for each other in a
# circle; no rows of the outbox are rows as well.
_ANSWERS_AND_MANY = f"""
WITH answers AS (
    INSERT INTO idempotency (scope, caller, key, request_hash, code, body, created_at)
    SELECT scope, caller, key, request_hash, code, body, $13
    FROM unnest($7::text[], $8::text[], $9::text[], $10::bytea[], $11::smallint[], $12::bytea[])
      AS answer (scope, caller, key, request_hash, code, body)
    ORDER BY scope, caller, key
){_OUTBOX_MANY}"""
_NO_ROWS: tuple[list[Any], ...] = ([], [], [], [], [], [])


def statement(session: Session) -> tuple[str, tuple[Any, ...]] | None:
    """The statement and its arguments; None when the session has nothing to write."""
    rows, answers = session.rows, session.answers
    if not rows and not answers:
        return None
    if len(answers) > 1:
        events = zip(*rows, strict=True) if rows else _NO_ROWS
        columns = zip(*map(_columns, answers), strict=True)
        return _ANSWERS_AND_MANY, (*events, *columns, session.clock.now())
    kept: tuple[Any, ...] = ()
    if answers:
        kept = (*_columns(answers[0]), session.clock.now())
    if not rows:
        return _ANSWER_ONLY, kept
    if len(rows) == 1:
        return (_ANSWER_AND_ONE if kept else _OUTBOX_ONE), rows[0] + kept
    return (_ANSWER_AND_MANY if kept else _OUTBOX_MANY), (*zip(*rows, strict=True), *kept)


def _columns(answer: Answer) -> tuple[Any, ...]:
    return (
        answer.scope,
        answer.caller,
        answer.key,
        answer.request_hash,
        answer.code,
        answer.body,
    )
