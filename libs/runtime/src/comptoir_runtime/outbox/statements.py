"""The SQL of the relay. It runs on the relay's own connection, which holds the leader's lock."""

# Any number, the same in every process of a service: the one that holds it is the leader.
LEADER_LOCK = 7_207_002

LEAD = "SELECT pg_try_advisory_lock($1)"

# The relay's own writes need not survive a crash of PostgreSQL: rows that look unpublished are
# published again, and consumers know them.
PREPARE_CONNECTION = "SET synchronous_commit = off; SET statement_timeout = '60s'"

# By state, never "greater than the last": a row may be committed after rows with higher positions.
UNPUBLISHED = """
SELECT id, kind, subject, type, payload, headers, created_at, producer_seq, previous_seq
FROM outbox
WHERE published_at IS NULL
ORDER BY position
LIMIT $1"""

SEQUENCES = "SELECT type, kind, last_seq FROM outbox_sequence"

NUMBER = """
WITH sequence AS (
  INSERT INTO outbox_sequence (type, kind, last_seq)
  SELECT * FROM unnest($4::text[], $5::smallint[], $6::bigint[])
  ON CONFLICT (type) DO UPDATE SET last_seq = excluded.last_seq)
UPDATE outbox
SET producer_seq = number.seq, previous_seq = number.previous
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS number (id, seq, previous)
WHERE outbox.id = number.id"""

# A state that was replaced before it was published has a time but no place in the stream.
PUBLISHED = """
UPDATE outbox
SET published_at = now(), stream_seq = done.stream_seq
FROM unnest($1::uuid[], $2::bigint[]) AS done (id, stream_seq)
WHERE outbox.id = done.id"""

KNOWN_STREAM = "SELECT created FROM outbox_stream WHERE kind = $1"
REMEMBER_STREAM = """
INSERT INTO outbox_stream (kind, created) VALUES ($1, $2)
ON CONFLICT (kind) DO UPDATE SET created = excluded.created"""
LAST_STREAM_SEQ = """
SELECT stream_seq FROM outbox
WHERE kind = $1 AND producer_seq IS NOT NULL AND stream_seq IS NOT NULL
ORDER BY producer_seq DESC
LIMIT 1"""

FACTS_AGAIN = """
UPDATE outbox SET published_at = NULL, stream_seq = NULL
WHERE kind = 1 AND published_at IS NOT NULL AND stream_seq > $1"""
STATES_AGAIN = """
UPDATE outbox AS this SET published_at = NULL, stream_seq = NULL
WHERE kind = 2 AND published_at IS NOT NULL AND stream_seq > $1
  AND NOT EXISTS (SELECT FROM outbox AS newer
    WHERE newer.kind = 2 AND newer.subject = this.subject AND newer.position > this.position)"""

# Of the states only the newest: an older one must not overwrite it in the stream.
REPLAY = """
SELECT id, kind, subject, type, payload, headers, created_at, producer_seq, previous_seq
FROM outbox AS this
WHERE kind = $1 AND producer_seq BETWEEN $2 AND $3
  AND (kind <> 2 OR NOT EXISTS (SELECT FROM outbox AS newer
    WHERE newer.kind = 2 AND newer.subject = this.subject AND newer.position > this.position))
ORDER BY producer_seq
LIMIT $4"""

SWEEP_FACTS = """
DELETE FROM outbox WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM outbox
  WHERE kind = 1 AND created_at < now() - $1::interval AND published_at IS NOT NULL
  LIMIT $2))"""
# The newest state of a thing is kept for as long as the thing: the stream may have to be rebuilt.
SWEEP_STATES = """
DELETE FROM outbox WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM outbox AS this
  WHERE kind = 2 AND created_at < now() - $1::interval AND published_at IS NOT NULL
    AND EXISTS (SELECT FROM outbox AS newer
      WHERE newer.kind = 2 AND newer.subject = this.subject AND newer.position > this.position)
  LIMIT $2))"""
SWEEP_INBOX = """
DELETE FROM inbox WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM inbox WHERE processed_at < now() - $1::interval LIMIT $2))"""
