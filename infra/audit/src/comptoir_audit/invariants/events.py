"""Events: each change has one, each is published, each is taken in by all who want to know."""

from collections.abc import Iterator
from functools import partial

from comptoir_audit.invariant import (
    INVENTORY,
    ORDERS,
    PAYMENTS,
    SERVICES,
    Across,
    Batch,
    Difference,
    Invariant,
    Joined,
    Query,
    Row,
    Within,
)
from comptoir_audit.invariants.changes import RESERVATIONS
from comptoir_audit.invariants.subscriptions import SUBSCRIPTIONS, full_names

# An outbox keeps facts for 8 days: what is older has no event any more.
_KEPT = "interval '7 days'"


def _events_of(service: str, message: str) -> str:
    """How many events of a type there are, by the id they are about."""
    name = f"comptoir.{service}.v1.{message}"
    return f"""
    SELECT substr(subject, {len(name) + 2}) AS id, count(*) AS events FROM outbox
    WHERE kind = 1 AND type = '{name}' AND created_at >= :since - interval '1 minute'
    GROUP BY subject"""


def _told(row: Row) -> Difference:
    return Difference(
        (row["id"],), f"{row['wanted']} × {row['event']}", f"{row['events']} in the outbox"
    )


def _all_told(service: str, message: str, changes: str) -> str:
    return f"""
    SELECT id, '{message}' AS event, wanted, coalesce(events, 0) AS events
    FROM ({changes}) AS change LEFT JOIN ({_events_of(service, message)}) AS told USING (id)"""


_PLACED = f"""
SELECT id, 1 AS wanted FROM orders
WHERE placed_at >= :since AND placed_at > now() - {_KEPT}"""
_CANCELLED = f"""
SELECT id, 1 AS wanted FROM orders
WHERE placed_at >= :since AND placed_at > now() - {_KEPT} AND state = 'CANCELLED'"""
_LEFT = f"""
SELECT order_id AS id, count(*) AS wanted FROM fulfilment
WHERE created_at >= :since AND created_at > now() - {_KEPT} AND mode <> 'COUNTER' AND state = '%s'
GROUP BY order_id"""
_CAPTURED = f"""
SELECT payment_id AS id, count(*) AS wanted FROM operation
WHERE kind = 'capture' AND state = 'succeeded' AND created_at > now() - {_KEPT}
  AND payment_id IN (SELECT id FROM payment WHERE created_at >= :since)
GROUP BY payment_id"""

E1 = Within(
    id="E1",
    statement="every change of an order has exactly one event",
    services=(ORDERS,),
    each=" UNION ALL ".join(
        _all_told(ORDERS, message, changes)
        for message, changes in (
            ("OrderPlaced", _PLACED),
            ("OrderCancelled", _CANCELLED),
            ("FulfilmentShipped", _LEFT % "SHIPPED"),
            ("FulfilmentHandedOver", _LEFT % "HANDED_OVER"),
        )
    ),
    wrong="events <> wanted",
    tell=_told,
)

E1_PAYMENTS = Within(
    id="E1.payments",
    statement="every capture has exactly one event",
    services=(PAYMENTS,),
    each=_all_told(PAYMENTS, "PaymentCaptured", _CAPTURED),
    wrong="events <> wanted",
    tell=_told,
    full_only=True,
)

_IN_STATE = f"""
SELECT id, 1 AS wanted FROM reservation
WHERE ({RESERVATIONS}) AND created_at >= :since AND created_at > now() - {_KEPT} AND %s"""

E1_INVENTORY = Within(
    id="E1.inventory",
    statement="every state a reservation has come into has exactly one event",
    services=(INVENTORY,),
    each=" UNION ALL ".join(
        _all_told(INVENTORY, message, _IN_STATE % was)
        for message, was in (
            # What a till sells was never held.
            ("ReservationHeld", "expires_at > created_at"),
            ("ReservationConfirmed", "state = 2"),
            ("ReservationConsumed", "state = 3"),
            ("ReservationReleased", "state = 4"),
            ("ReservationExpired", "state = 5"),
        )
    ),
    wrong="events <> wanted",
    tell=_told,
)

# What a stream has lost is marked to be published again, whatever its age.
E2_PUBLISHED = Within(
    id="E2.published",
    statement="every event is published",
    services=SERVICES,
    each="SELECT id, subject, created_at FROM outbox WHERE published_at IS NULL",
    wrong="created_at < now() - :grace",
    tell=lambda row: Difference(
        (row["id"], row["subject"]), "published", f"waits since {row['created_at']}"
    ),
    look_twice=True,
)

# Facts are all taken in; of the states of a thing the newest. A state that was replaced before it
# was published has no place in the stream.
_PUBLISHED = """
SELECT id::text AS id, subject, type FROM outbox AS this
WHERE type = ANY (ARRAY{types}) AND stream_seq IS NOT NULL AND created_at >= :since
  AND created_at > now() - interval '7 days' AND published_at < now() - :grace
  AND (kind = 1 OR NOT EXISTS (SELECT FROM outbox AS newer WHERE newer.kind = 2
    AND newer.subject = this.subject AND newer.position > this.position))"""
_TAKEN_IN = "SELECT id::text AS key FROM inbox WHERE id = ANY(:keys::uuid[])"


def not_taken_in(consumer: str, batch: Batch) -> Iterator[Difference]:
    """Published events that the consumer's inbox does not know."""
    for event in batch.rows:
        if not batch.of("taken", event["id"]):
            yield Difference(
                (event["id"], event["subject"]), f"taken in by {consumer}", "not in its inbox"
            )


def _taken_in(producer: str, consumer: str, messages: frozenset[str]) -> Across:
    types = str(full_names(producer, messages))
    return Across(
        id=f"E2.{producer}-{consumer}",
        statement="every published event is taken in by each service that wants to know",
        lead=Query(producer, _PUBLISHED.replace("{types}", types)),
        joined={"taken": Joined(query=Query(consumer, _TAKEN_IN), by=lambda row: [row["id"]])},
        compare=partial(not_taken_in, consumer),
    )


E2 = tuple(
    _taken_in(producer, consumer, messages)
    for (producer, consumer), messages in SUBSCRIPTIONS.items()
)

E3 = Within(
    id="E3",
    statement="no facts are missing between those that were taken in",
    services=SERVICES,
    each="""
    SELECT producer, type, contiguous_seq, gap_until, gap_since FROM inbox_cursor""",
    wrong="gap_until IS NOT NULL AND gap_since < now() - :grace",
    tell=lambda row: Difference(
        (row["producer"], row["type"]),
        "no gap",
        f"{row['contiguous_seq'] + 1} to {row['gap_until']} missing since {row['gap_since']}",
    ),
)

E6 = Within(
    id="E6",
    statement="no event is in quarantine",
    services=SERVICES,
    each="SELECT id, subject, error, deliveries, state FROM dead_letter",
    wrong="state = 'quarantined'",
    tell=lambda row: Difference(
        (row["id"], row["subject"]),
        "taken in",
        f"put aside after {row['deliveries']} deliveries: {row['error']}",
    ),
)

EVENTS: tuple[Invariant, ...] = (E1, E1_PAYMENTS, E1_INVENTORY, E2_PUBLISHED, *E2, E3, E6)
