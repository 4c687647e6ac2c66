"""Stock: never promised twice, never lost, never held for nobody."""

from collections.abc import Iterator

from comptoir_audit.invariant import (
    INVENTORY,
    ORDERS,
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
from comptoir_audit.scope import since_ids

# What open reservations (HELD, CONFIRMED) still promise, by place.
_PROMISED = """
SELECT line->>0 AS sku, line->>1 AS location,
  sum((line->>2)::bigint - (line->>3)::bigint - (line->>4)::bigint)::bigint AS promised
FROM reservation CROSS JOIN jsonb_array_elements(lines) AS line
WHERE state IN (1, 2) GROUP BY 1, 2"""
# Units promised beyond what is there count apart; read so that a schema without them will do.
_STOCK = """
SELECT sku, location, on_hand, reserved,
  coalesce((to_jsonb(s)->>'backordered')::bigint, 0) AS backordered
FROM stock_item AS s"""


def _at(row: Row) -> tuple[str, str]:
    return row["sku"], row["location"]


S1 = Within(
    id="S1",
    statement="0 <= reserved <= on_hand, and open reservations promise what is reserved or"
    " back-ordered",
    services=(INVENTORY,),
    each=f"""
    SELECT sku, location, coalesce(on_hand, 0) AS on_hand, coalesce(reserved, 0) AS reserved,
      coalesce(backordered, 0) AS backordered, coalesce(promised, 0) AS promised
    FROM ({_STOCK}) AS stock FULL JOIN ({_PROMISED}) AS open USING (sku, location)""",
    wrong="reserved + backordered <> promised OR reserved < 0 OR reserved > on_hand",
    tell=lambda row: Difference(
        _at(row),
        f"promised {row['promised']}, reserved at most {row['on_hand']}",
        f"reserved {row['reserved']}, back-ordered {row['backordered']}",
    ),
)

S1_WAITING = Within(
    id="S1.waiting",
    statement="every back-ordered unit is one that some promise waits for",
    services=(INVENTORY,),
    each=f"""
    SELECT sku, location, coalesce(backordered, 0) AS backordered, coalesce(waiting, 0) AS waiting
    FROM ({_STOCK}) AS stock FULL JOIN (SELECT sku, location, sum(units)::bigint AS waiting
      FROM backorder GROUP BY 1, 2) AS late USING (sku, location)""",
    # What has come and was not told yet is waited for a moment longer, and by what is only held.
    wrong="waiting < backordered",
    tell=lambda row: Difference(
        _at(row), f"at most {row['waiting']} back-ordered", f"{row['backordered']}"
    ),
)

S2 = Within(
    id="S2",
    statement="no more units are promised than movements have left in place, back-orders apart",
    services=(INVENTORY,),
    each=f"""
    SELECT sku, location, promised - coalesce(backordered, 0) AS promised,
      (SELECT coalesce(sum(units), 0)::bigint FROM movement AS m
       WHERE m.sku = open.sku AND m.location = open.location) AS moved
    FROM ({_PROMISED}) AS open LEFT JOIN ({_STOCK}) AS stock USING (sku, location)""",
    wrong="promised > moved",
    tell=lambda row: Difference(
        _at(row), f"at most {row['moved']} promised", f"promised {row['promised']}"
    ),
)

S3_OVERDUE = Within(
    id="S3.overdue",
    statement="a hold whose time is up is given back",
    services=(INVENTORY,),
    each="SELECT id, owner, expires_at FROM reservation WHERE state = 1",
    wrong="expires_at < now() - :grace - interval '60 seconds'",
    tell=lambda row: Difference(
        (row["id"], row["owner"]), f"given back after {row['expires_at']}", "still held"
    ),
)

# Whoever holds stock for an order says so: `order/ord_…`.
_OPEN_FOR_ORDERS = f"""
SELECT id, owner, substr(owner, 7) AS order_id,
  CASE state WHEN 1 THEN 'HELD' ELSE 'CONFIRMED' END AS state
FROM reservation
WHERE state IN (1, 2) AND owner LIKE 'order/%' AND created_at < now() - :grace
  AND ({RESERVATIONS})"""
_BEGUN = """
SELECT k.order_id AS key, p.state, coalesce(p.next_run_at IS NULL, true) AS ended,
  o.state AS order_state, o.document->>'reservation' AS reservation,
  coalesce(greatest(p.updated_at, o.updated_at) >= now() - :grace, false) AS recent
FROM unnest(:keys) AS k (order_id)
  LEFT JOIN process AS p ON p.order_id = k.order_id AND p.kind IN ('PLACEMENT', 'STORE_SALE')
  LEFT JOIN orders AS o ON o.id = k.order_id"""
# An order whose goods have all left or that was called off has no use for a promise.
_DONE_WITH = frozenset({"FULFILLED", "CANCELLED"})


def _told(begun: Row) -> str:
    state: str = begun["order_state"] or begun["state"] or "unknown"
    return f"{state} with {begun['reservation']}" if begun["reservation"] else state


def leaked(batch: Batch) -> Iterator[Difference]:
    """Open reservations that no order needs: it is over, never was, or stands on another one."""
    for hold in batch.rows:
        begun = batch.of("begun", hold["order_id"])
        if any(each["recent"] for each in begun):
            continue
        running = any(not each["ended"] for each in begun)
        needed = {
            each["reservation"] for each in begun if each["order_state"] not in _DONE_WITH | {None}
        }
        if running or hold["id"] in needed:
            continue
        why = sorted({_told(each) for each in begun})
        yield Difference(
            (hold["id"], hold["order_id"]),
            f"nothing held, as the order is {', '.join(why)}",
            hold["state"],
        )


S3_LEAKED = Across(
    id="S3",
    statement="no stock is held for an order that is over, never was, or has other stock",
    lead=Query(INVENTORY, _OPEN_FOR_ORDERS),
    joined={"begun": Joined(query=Query(ORDERS, _BEGUN), by=lambda row: [row["order_id"]])},
    compare=leaked,
)

S4 = Within(
    id="S4",
    statement="a reservation is in the one state that its lines tell",
    services=(INVENTORY,),
    each=f"""
    SELECT r.id, r.owner, r.state, sum((line->>2)::bigint) AS units,
      sum((line->>3)::bigint) AS consumed, sum((line->>4)::bigint) AS released,
      min(least((line->>2)::bigint - 1, (line->>3)::bigint, (line->>4)::bigint,
        (line->>2)::bigint - (line->>3)::bigint - (line->>4)::bigint)) AS lowest
    FROM reservation AS r CROSS JOIN jsonb_array_elements(r.lines) AS line
    WHERE {since_ids("r.id", ("rsv",))} GROUP BY r.id""",
    wrong="""lowest < 0 OR state NOT BETWEEN 1 AND 5 OR CASE state
      WHEN 1 THEN units = consumed + released
      WHEN 2 THEN units = consumed + released
      WHEN 3 THEN units <> consumed + released OR consumed = 0
      WHEN 4 THEN units <> released
      ELSE consumed > 0 END""",
    tell=lambda row: Difference(
        (row["id"], row["owner"]),
        "a state that agrees with its lines",
        f"state {row['state']} with {row['units']} units, {row['consumed']} consumed,"
        f" {row['released']} released",
    ),
)

S8 = Within(
    id="S8",
    statement="on_hand is the sum of the movements",
    services=(INVENTORY,),
    each="""
    SELECT sku, location, coalesce(on_hand, 0) AS on_hand, coalesce(moved, 0) AS moved
    FROM (SELECT sku, location, on_hand FROM stock_item
          WHERE (sku, location) IN (SELECT sku, location FROM @changed_places AS c)) AS s
    FULL JOIN (SELECT sku, location, sum(units)::bigint AS moved FROM movement
          WHERE (sku, location) IN (SELECT sku, location FROM @changed_places AS c)
          GROUP BY sku, location) AS m USING (sku, location)""",
    wrong="on_hand <> moved",
    tell=lambda row: Difference(_at(row), f"on_hand {row['moved']}", f"on_hand {row['on_hand']}"),
)

STOCK: tuple[Invariant, ...] = (S1, S1_WAITING, S2, S3_OVERDUE, S3_LEAKED, S4, S8)
