"""Orders: they add up, they end, and when they stand so do their stock, money and cart."""

from collections.abc import Iterator
from typing import Any

from comptoir_audit.invariant import (
    CART,
    INVENTORY,
    ORDERS,
    PAYMENTS,
    Across,
    Batch,
    Difference,
    Invariant,
    Joined,
    Query,
    Row,
    Within,
)
from comptoir_audit.invariants.changes import PLACEMENTS
from comptoir_audit.invariants.money import PAID, QUIET_ORDERS

_TOTALS = """
SELECT o.id, o.number, o.total AS owed, o.captured, t.subtotal, t.discount, t.shipping, t.tax,
  t.total, l.lines, l.prices, l.discounts, l.taxes, l.lowest, l.agree, p.parcels
FROM orders AS o
CROSS JOIN LATERAL jsonb_to_record(o.document->'totals')
  AS t (subtotal bigint, discount bigint, shipping bigint, tax bigint, total bigint)
CROSS JOIN LATERAL (
  SELECT coalesce(sum(total), 0)::bigint AS lines, coalesce(sum(discount), 0)::bigint AS discounts,
    coalesce(sum(tax), 0)::bigint AS taxes,
    coalesce(sum(unit_price * quantity), 0)::bigint AS prices,
    bool_and(total - (unit_price * quantity - discount) IN (0, tax)) AS agree,
    min(least(total, discount, tax, unit_price, unit_price * quantity - discount)) AS lowest
  FROM jsonb_to_recordset(o.document->'lines')
    AS line (quantity bigint, unit_price bigint, discount bigint, total bigint, tax bigint)) AS l
CROSS JOIN LATERAL (
  SELECT coalesce(sum(goods + shipping), 0)::bigint AS parcels FROM fulfilment
  WHERE order_id = o.id) AS p
WHERE o.id IN (SELECT id FROM @changed_orders AS c)"""

M8 = Within(
    id="M8",
    statement="an order's total is its lines and shipping, a line's its price less its discount,"
    " with tax in it or on top; its parcels cost what it costs",
    services=(ORDERS,),
    each=_TOTALS,
    wrong="""owed <> total OR total <> lines + shipping OR subtotal <> prices OR NOT agree
      OR discount <> discounts OR parcels <> total OR tax - taxes NOT BETWEEN 0 AND shipping""",
    tell=lambda row: Difference(
        (row["id"], row["number"]),
        f"total {row['lines'] + row['shipping']}, subtotal {row['prices']}, discount"
        f" {row['discounts']}",
        f"total {row['owed']} (written {row['total']}, parcels {row['parcels']}), subtotal"
        f" {row['subtotal']}, discount {row['discount']}, shipping {row['shipping']},"
        f" tax {row['tax']} with {row['taxes']} in the lines",
    ),
)

M9 = Within(
    id="M9",
    statement="nothing in an order is below zero, no discount above what it is taken from",
    services=(ORDERS,),
    each=_TOTALS,
    wrong="least(owed, subtotal, discount, shipping, tax, total, captured, lowest,"
    " subtotal - discount, owed - captured) < 0",
    tell=lambda row: Difference(
        (row["id"], row["number"]),
        "no figure below zero",
        f"total {row['owed']}, captured {row['captured']}, subtotal {row['subtotal']}, discount"
        f" {row['discount']}, shipping {row['shipping']}, lowest of the lines {row['lowest']}",
    ),
)

O1 = Within(
    id="O1",
    statement="a placement or sale that succeeded is one order, and an order is one of those",
    services=(ORDERS,),
    each="""
    SELECT coalesce(p.order_id, o.id) AS order_id, o.number,
      count(p.id) FILTER (WHERE p.state IN ('PLACED', 'DONE')) AS succeeded,
      count(DISTINCT o.id) AS orders
    FROM (SELECT id, order_id, state FROM process WHERE kind IN ('PLACEMENT', 'STORE_SALE')
          AND order_id IN (SELECT id FROM @begun_orders AS c)) AS p
    FULL JOIN (SELECT id, number FROM orders WHERE id IN (SELECT id FROM @begun_orders AS c)) AS o
      ON o.id = p.order_id
    GROUP BY 1, 2""",
    wrong="succeeded <> orders",
    tell=lambda row: Difference(
        (row["order_id"],), f"{row['succeeded']} order", f"{row['orders']} orders"
    ),
)

# What left decides; a parcel that was called off has no say unless all were.
O3 = Within(
    id="O3",
    statement="an order is in the state that its parcels tell",
    services=(ORDERS,),
    each="""
    SELECT o.id, o.number, o.state, count(f.id) AS parcels,
      count(f.id) FILTER (WHERE f.state IN ('SHIPPED', 'HANDED_OVER')) AS gone,
      count(f.id) FILTER (WHERE f.state = 'CANCELLED') AS cancelled
    FROM orders AS o LEFT JOIN fulfilment AS f ON f.order_id = o.id
    WHERE o.id IN (SELECT id FROM @changed_orders AS c) GROUP BY o.id""",
    wrong="""parcels = 0 OR CASE state
      WHEN 'PLACED' THEN gone > 0 OR cancelled = parcels
      WHEN 'CANCELLING' THEN gone > 0
      WHEN 'PARTIALLY_FULFILLED' THEN gone = 0 OR gone + cancelled = parcels
      WHEN 'FULFILLED' THEN gone = 0 OR gone + cancelled <> parcels
      WHEN 'CANCELLED' THEN cancelled <> parcels
      ELSE true END""",
    tell=lambda row: Difference(
        (row["id"], row["number"]),
        "a state that agrees with its parcels",
        f"{row['state']} with {row['parcels']} parcels, {row['gone']} gone,"
        f" {row['cancelled']} cancelled",
    ),
)

# Overdue as orders itself tells it, and what is due must be taken within a minute.
O4 = Within(
    id="O4",
    statement="nothing that was begun stays unfinished",
    services=(ORDERS,),
    each="""
    SELECT id, kind, order_id, state, attempts, deadline,
      greatest(next_run_at, coalesce(lease_until, next_run_at)) AS due_at
    FROM process WHERE next_run_at IS NOT NULL""",
    wrong="deadline <= now() - interval '1 minute'"
    " OR due_at < now() - :grace - interval '60 seconds'",
    tell=lambda row: Difference(
        (row["id"], row["order_id"]),
        f"{row['kind']} ended by {row['deadline']}",
        f"{row['state']} after {row['attempts']} attempts, due since {row['due_at']}",
    ),
)

O4_PROVIDER = Within(
    id="O4.provider",
    statement="the provider is asked again about every outcome that is not known",
    services=(PAYMENTS,),
    each="""
    SELECT id, payment_id, kind, state, attempts, created_at, next_attempt_at FROM operation
    WHERE next_attempt_at IS NOT NULL""",
    # Whoever asks notes what they heard, even if it was nothing: within the time for the call and
    # a lease. Who fails before that takes the lease again and again.
    wrong="next_attempt_at < now() - :grace - interval '60 seconds'"
    " OR attempts = 0 AND created_at < now() - :grace - interval '120 seconds'",
    tell=lambda row: Difference(
        (row["id"], row["payment_id"]),
        f"{row['kind']} of {row['created_at']} asked about, at {row['next_attempt_at']} at last",
        f"{row['state']} after {row['attempts']} attempts",
    ),
)

# --- what stands, stands everywhere ------------------------------------------------------------

_STANDING = frozenset({"PLACED", "PARTIALLY_FULFILLED", "FULFILLED"})
_STOCK = """
SELECT r.id AS key, r.state, jsonb_object_agg(line.sku, line.units) AS units
FROM reservation AS r CROSS JOIN LATERAL (
  SELECT each->>0 AS sku, sum((each->>2)::bigint)::bigint AS units
  FROM jsonb_array_elements(r.lines) AS each GROUP BY 1) AS line
WHERE r.id = ANY(:keys) GROUP BY r.id"""
_RESERVATION_STATES = ("", "HELD", "CONFIRMED", "CONSUMED", "RELEASED", "EXPIRED")
# CONFIRMED until all has left; given back, or run out, when it was called off.
_STOCK_OF = {
    "PLACED": {"CONFIRMED"},
    "PARTIALLY_FULFILLED": {"CONFIRMED", "CONSUMED"},
    "FULFILLED": {"CONSUMED"},
    "CANCELLED": {"RELEASED", "EXPIRED"},
}


def _units(lines: Any) -> dict[str, int]:
    units: dict[str, int] = {}
    for line in lines:
        units[line["sku"]] = units.get(line["sku"], 0) + line["quantity"]
    return units


def stock_stands(batch: Batch) -> Iterator[Difference]:
    """Each order has the stock it needs: the units of its lines, kept or gone."""
    for order in batch.rows:
        wanted = _STOCK_OF.get(order["state"])
        if wanted is None:
            continue
        held = batch.of("stock", order["reservation"])
        state = _RESERVATION_STATES[held[0]["state"]] if held else "no reservation"
        units = held[0]["units"] if held else {}
        if state not in wanted or units != _units(order["lines"]):
            yield Difference(
                (order["id"], order["reservation"]),
                f"{' or '.join(sorted(wanted))} {_units(order['lines'])} as it is {order['state']}",
                f"{state} {units}",
            )


O5_STOCK = Across(
    id="O5.stock",
    statement="an order that stands has its stock, one that was called off has none",
    lead=Query(ORDERS, QUIET_ORDERS),
    joined={
        "stock": Joined(query=Query(INVENTORY, _STOCK), by=lambda row: [row["reservation"]]),
    },
    compare=stock_stands,
)


def money_stands(batch: Batch) -> Iterator[Difference]:
    """Each order that stands is paid for, kept or taken; one that was called off is not."""
    for order in batch.rows:
        paid = batch.of("paid", order["id"])
        kept = sum(each["held"] + each["captured"] for each in paid if each["state"] != "failed")
        left = sum(map(_left_of, paid))
        if order["state"] in _STANDING and kept < order["total"]:
            yield Difference((order["id"],), f"{order['total']} kept or taken", str(kept))
        elif order["state"] == "CANCELLED" and left > 0:
            yield Difference((order["id"],), "nothing kept, as it is CANCELLED", str(left))


def _left_of(payment: Row) -> int:
    """What of a payment is not with its payer again; more than all of one makes up for no other."""
    kept = 0 if payment["state"] == "failed" else payment["held"] + payment["captured"]
    back: int = payment["refunded"] + payment["gone"]
    return max(0, kept - back)


O5_MONEY = Across(
    id="O5.money",
    statement="an order that stands is paid for, one that was called off is not",
    lead=Query(ORDERS, QUIET_ORDERS),
    joined={"paid": PAID},
    compare=money_stands,
)

_CHECKOUT_STATES = ("", "HELD", "RELEASED", "COMPLETED")
_CHECKOUTS = """
SELECT c.id AS key, c.state, c.cart_id, cart.state AS cart_state, cart.order_id,
  c.quote->'priced'->'lines' AS lines, c.quote->'priced'->'totals'->'total' AS total,
  c.quote->'priced'->'cart'->>'currency' AS currency,
  (SELECT count(*) FROM redemption AS r WHERE r.checkout = c.id AND r.state = 1) AS reserved,
  (SELECT count(*) FROM redemption AS r WHERE r.checkout = c.id AND r.state = 2) AS redeemed,
  (SELECT count(*) FROM jsonb_array_elements(c.quote->'priced'->'coupons') AS coupon
    WHERE (coupon->>'discount')::bigint > 0) AS coupons
FROM checkout AS c LEFT JOIN cart ON cart.id = c.cart_id
WHERE c.id = ANY(:keys)"""
_CHECKOUT = Joined(
    query=Query(CART, _CHECKOUTS), by=lambda row: [row["placement"]] if row["placement"] else []
)


def cart_stands(batch: Batch) -> Iterator[Difference]:
    """The cart of each order is ordered, its checkout completed, its coupons redeemed."""
    for order in batch.rows:
        if not order["cart"]:
            continue
        held = batch.of("checkout", order["placement"])
        found = "no checkout"
        if held:
            (each,) = held
            found = (
                f"checkout {_CHECKOUT_STATES[each['state']]}, cart state {each['cart_state']}"
                f" for {each['order_id']}, {each['redeemed']} of {each['coupons']} coupons redeemed"
            )
        expected = (
            f"checkout COMPLETED, cart state 3 for {order['id']},"
            f" {held[0]['coupons'] if held else 0} of {held[0]['coupons'] if held else 0}"
            " coupons redeemed"
        )
        if found != expected:
            yield Difference((order["id"], order["placement"], order["cart"]), expected, found)


O5_CART = Across(
    id="O5.cart",
    statement="the cart of an order that stands is ordered, and its coupons are redeemed",
    lead=Query(ORDERS, QUIET_ORDERS),
    joined={"checkout": _CHECKOUT},
    compare=cart_stands,
)


def _amounts(lines: Any) -> list[tuple[str, int, int]]:
    return sorted((each["sku"], each["quantity"], each["total"]) for each in lines)


def order_is_its_quote(batch: Batch) -> Iterator[Difference]:
    """An order is what was quoted: nobody has touched it, nor the quote, since."""
    for order in batch.rows:
        for quote in batch.of("checkout", order["placement"] or ""):
            expected = (quote["total"], quote["currency"], _amounts(quote["lines"] or ()))
            found = (order["total"], order["currency"], _amounts(order["lines"]))
            if expected != found:
                yield Difference(
                    (order["id"], order["placement"]), f"as quoted {expected}", str(found)
                )


O6 = Across(
    id="O6",
    statement="an order is what was quoted, line by line",
    lead=Query(ORDERS, QUIET_ORDERS),
    joined={"checkout": _CHECKOUT},
    compare=order_is_its_quote,
)

# --- what failed, holds nothing ----------------------------------------------------------------

_FAILED = f"""
SELECT p.id AS placement, p.order_id AS id, p.state, 'order/' || p.order_id AS owner
FROM process AS p
WHERE p.kind = 'PLACEMENT' AND p.state IN ('FAILED', 'CANCELLED') AND ({PLACEMENTS})
  AND p.updated_at < now() - :grace
  AND NOT EXISTS (SELECT FROM process AS o
    WHERE o.order_id = p.order_id AND (o.next_run_at IS NOT NULL OR o.state = 'PLACED'))"""
_HELD_FOR = """
SELECT owner AS key, id FROM reservation WHERE owner = ANY(:keys) AND state IN (1, 2)"""


def failed_holds_nothing(batch: Batch) -> Iterator[Difference]:
    """A placement that failed keeps no stock, no money, no cart and no coupon."""
    for failed in batch.rows:
        paid = batch.of("paid", failed["id"])
        kept = sum(each["held"] + each["captured"] - each["refunded"] for each in paid)
        left = [f"stock in {each['id']}" for each in batch.of("stock", failed["owner"])]
        if kept:
            left.append(f"{kept} kept or taken by {', '.join(each['id'] for each in paid)}")
        for checkout in batch.of("checkout", failed["placement"]):
            if checkout["state"] != 2:
                left.append(f"checkout {_CHECKOUT_STATES[checkout['state']]}")
            if checkout["reserved"] or checkout["redeemed"]:
                left.append(f"{checkout['reserved'] + checkout['redeemed']} coupons used")
        if left:
            yield Difference(
                (failed["placement"], failed["id"]),
                f"nothing held, as it is {failed['state']}",
                "; ".join(left),
            )


O5_FAILED = Across(
    id="O5.failed",
    statement="a placement that failed holds no stock, money, cart or coupon",
    lead=Query(ORDERS, _FAILED),
    joined={
        "stock": Joined(query=Query(INVENTORY, _HELD_FOR), by=lambda row: [row["owner"]]),
        "paid": PAID,
        "checkout": _CHECKOUT,
    },
    compare=failed_holds_nothing,
)

O8 = Within(
    id="O8",
    statement="an order number is given once",
    services=(ORDERS,),
    each="""
    SELECT number, count(*) AS orders, string_agg(id, ' ' ORDER BY id) AS ids FROM orders
    WHERE number IN (SELECT number FROM orders
      WHERE id IN (SELECT id FROM @changed_orders AS c)) GROUP BY number""",
    wrong="orders <> 1",
    tell=lambda row: Difference(
        (row["number"], *row["ids"].split()), "one order", f"{row['orders']} orders"
    ),
)


ORDER: tuple[Invariant, ...] = (
    M8,
    M9,
    O1,
    O3,
    O4,
    O4_PROVIDER,
    O5_STOCK,
    O5_MONEY,
    O5_CART,
    O5_FAILED,
    O6,
    O8,
)
