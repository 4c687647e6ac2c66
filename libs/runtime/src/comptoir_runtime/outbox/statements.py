"""The SQL of the relay. It runs on the relay's own connection, which holds the leader's lock."""

# Any number, the same in every process of a service: the one that holds it is the leader.
LEADER_LOCK = 7_207_002

LEAD = "SELECT pg_try_advisory_lock($1)"

# The relay's own writes need not survive a crash of PostgreSQL: what was published is found again
# at the end of the stream, with its numbers.
# The lock ends with the session. PostgreSQL would keep that of a machine that vanished for two
# hours, and that of a process that hangs for ever: a leader is heard of twice a second, or is none.
PREPARE_CONNECTION = """
SET synchronous_commit = off;
SET statement_timeout = '60s';
SET idle_session_timeout = '15s';
SET tcp_keepalives_idle = 3;
SET tcp_keepalives_interval = 1;
SET tcp_keepalives_count = 4;
SET tcp_user_timeout = '10s'"""

# By state, never "greater than the last": a row may be committed after rows with higher positions.
UNPUBLISHED = """
SELECT id, kind, subject, type, payload, headers, created_at, producer_seq, previous_seq
FROM outbox
WHERE published_at IS NULL
ORDER BY position
LIMIT $1"""

# A count without end would be dear just when there is much to count.
WAITING = """
SELECT count(*) AS depth, coalesce(extract(epoch FROM $1 - min(created_at)), 0)::float8 AS age
FROM (SELECT created_at FROM outbox WHERE published_at IS NULL ORDER BY position LIMIT 100000)
  AS waiting"""

SEQUENCES = "SELECT type, kind, last_seq FROM outbox_sequence"

_LAST_OF_TYPES = """
  INSERT INTO outbox_sequence (type, kind, last_seq)
  SELECT * FROM unnest($5::text[], $6::smallint[], $7::bigint[])
  ON CONFLICT (type) DO UPDATE
  SET last_seq = greatest(outbox_sequence.last_seq, excluded.last_seq)"""

# A state that was replaced before it was published has a time but no place in the stream.
# The ids are named twice so that, whatever the tables are joined by, only these rows are read.
PUBLISHED = f"""
WITH last_of_types AS ({_LAST_OF_TYPES})
UPDATE outbox
SET published_at = now(), stream_seq = done.place,
    producer_seq = coalesce(done.seq, producer_seq),
    previous_seq = coalesce(done.previous, previous_seq)
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[])
  AS done (id, seq, previous, place)
WHERE outbox.id = done.id AND outbox.id = ANY ($1::uuid[])"""

KNOWN_STREAM = "SELECT created FROM outbox_stream WHERE kind = $1"
REMEMBER_STREAM = """
INSERT INTO outbox_stream (kind, created) VALUES ($1, $2)
ON CONFLICT (kind) DO UPDATE SET created = excluded.created"""
LAST_STREAM_SEQ = """
SELECT stream_seq FROM outbox
WHERE kind = $1 AND producer_seq IS NOT NULL AND stream_seq IS NOT NULL
ORDER BY producer_seq DESC
LIMIT 1"""

_NEWER = """
SELECT FROM outbox AS newer
WHERE newer.kind = 2 AND newer.subject = this.subject AND newer.position > this.position"""

# What was found at the end of the stream; answers which of it this database does not know.
FOUND = f"""
WITH found AS (
  SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[])
    AS found (id, seq, previous, place)),
last_of_types AS ({_LAST_OF_TYPES}),
marked AS (
  UPDATE outbox
  SET published_at = now(), stream_seq = found.place,
      producer_seq = found.seq, previous_seq = found.previous
  FROM found
  WHERE outbox.id = found.id AND outbox.published_at IS NULL)
SELECT id FROM found WHERE NOT EXISTS (SELECT FROM outbox WHERE outbox.id = found.id)"""
ADOPT = """
INSERT INTO outbox (id, kind, subject, type, payload, headers, created_at,
                    producer_seq, previous_seq, stream_seq, published_at)
SELECT *, now()
FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::text[], $5::bytea[], $6::jsonb[],
            $7::timestamptz[], $8::bigint[], $9::bigint[], $10::bigint[])
ON CONFLICT (id) DO NOTHING"""
STATES_AGAIN = f"""
UPDATE outbox AS this SET published_at = NULL, stream_seq = NULL
WHERE kind = 2 AND subject = ANY ($1::text[]) AND NOT EXISTS ({_NEWER})"""

# Of the states only the newest: an older one must not overwrite it in the stream. One batch, in
# the order of ids; answers the last of them.
AGAIN = f"""
WITH lost AS (
  SELECT id FROM outbox AS this
  WHERE id > $2 AND kind = $1 AND published_at IS NOT NULL
    AND stream_seq > $3 AND stream_seq < $4 AND created_at > $5
    AND (kind <> 2 OR NOT EXISTS ({_NEWER}))
  ORDER BY id
  LIMIT $6),
marked AS (
  UPDATE outbox SET published_at = NULL, stream_seq = NULL
  FROM lost WHERE outbox.id = lost.id)
SELECT count(*) AS count, (array_agg(id ORDER BY id DESC))[1] AS last FROM lost"""
HOLES_AGAIN = """
UPDATE outbox SET published_at = NULL, stream_seq = NULL
WHERE kind = 1 AND published_at IS NOT NULL AND stream_seq = ANY ($1::bigint[])"""

# Things that have a state in the stream, as far as this database knows.
COUNT_STATES = """
SELECT count(*) FROM (
  SELECT FROM outbox WHERE kind = 2 AND stream_seq IS NOT NULL GROUP BY subject) AS thing"""
ABSENT_STATES_AGAIN = f"""
UPDATE outbox AS this SET published_at = NULL, stream_seq = NULL
WHERE kind = 2 AND published_at IS NOT NULL AND NOT EXISTS ({_NEWER})
  AND NOT EXISTS (
    SELECT FROM unnest($1::text[]) AS present (subject) WHERE present.subject = this.subject)"""

_REPLAY = f"""
SELECT id, kind, subject, type, payload, headers, created_at, producer_seq, previous_seq
FROM outbox AS this
WHERE kind = $1 AND producer_seq BETWEEN $2 AND $3
  AND published_at IS NOT NULL AND (kind <> 2 OR NOT EXISTS ({_NEWER}))"""
_BY_SEQUENCE = "ORDER BY producer_seq LIMIT $4"
REPLAY = f"{_REPLAY} {_BY_SEQUENCE}"
# Who asks for all that follows has mostly seen it: then no event is looked at.
REPLAY_TYPES = f"""{_REPLAY} AND type = ANY ($5::text[]) AND EXISTS (
  SELECT FROM outbox_sequence WHERE type = ANY ($5::text[]) AND last_seq >= $2)
{_BY_SEQUENCE}"""

# Sweeping walks along the ids, which sort by time: each batch goes on behind the last one, and
# answers where that is. Nothing is locked for longer than one batch takes.
SWEEP_FACTS = """
WITH batch AS (
  SELECT id FROM outbox WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3),
gone AS (
  DELETE FROM outbox USING batch
  WHERE outbox.id = batch.id AND kind = 1 AND published_at IS NOT NULL)
SELECT id FROM batch ORDER BY id DESC LIMIT 1"""
# The newest state of a thing is kept for as long as the thing: the stream may have to be rebuilt.
SWEEP_STATES = """
WITH batch AS (
  SELECT id, subject, position FROM outbox
  WHERE id > $1 AND id < $2 AND kind = 2 AND published_at IS NOT NULL
  ORDER BY id LIMIT $3),
gone AS (
  DELETE FROM outbox AS older USING batch
  WHERE older.kind = 2 AND older.subject = batch.subject AND older.position < batch.position
    AND older.published_at IS NOT NULL)
SELECT id FROM batch ORDER BY id DESC LIMIT 1"""
# By the time of the effect: an old event may have been taken in today.
SWEEP_INBOX = """
WITH batch AS (
  SELECT id FROM inbox WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3),
gone AS (
  DELETE FROM inbox USING batch
  WHERE inbox.id = batch.id AND processed_at < now() - interval '10 days')
SELECT id FROM batch ORDER BY id DESC LIMIT 1"""
