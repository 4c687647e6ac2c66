"""Money: what the books say, and what orders cost."""

from collections.abc import Iterator

from comptoir_audit.invariant import (
    ORDERS,
    PAYMENTS,
    Across,
    Batch,
    Difference,
    Invariant,
    Joined,
    Query,
    Within,
)
from comptoir_audit.invariants.provider import SETTLED, sum_of

RECEIVABLE = "customer_receivable"

M1 = Within(
    id="M1",
    statement="the entries of a transfer sum to zero in each currency",
    services=(PAYMENTS,),
    each="""
    SELECT t.operation_id, t.payment_id, e.currency, coalesce(sum(e.amount), 0)::bigint AS sum,
      count(e.operation_id) AS entries
    FROM ledger_transfer AS t LEFT JOIN ledger_entry AS e USING (operation_id)
    WHERE t.posted_at >= :since GROUP BY 1, 2, 3""",
    wrong="sum <> 0 OR entries < 2",
    tell=lambda row: Difference(
        (row["operation_id"], row["payment_id"] or "no payment"),
        "at least 2 entries that sum to 0",
        f"{row['entries']} that sum to {row['sum']} {row['currency'] or ''}".rstrip(),
    ),
)

_GUARDS = (
    "ledger_transfer_append_only",
    "ledger_entry_append_only",
    "ledger_transfer_balanced",
    "ledger_entry_balanced",
    "ledger_entry_moves_purse",
)

M2_GUARDED = Within(
    id="M2.guarded",
    statement="the database itself refuses to alter the ledger or to unbalance it",
    services=(PAYMENTS,),
    each=f"""
    SELECT name, coalesce(tgenabled, '-') AS enabled
    FROM unnest(ARRAY{list(_GUARDS)}) AS name LEFT JOIN pg_trigger ON tgname = name""",
    wrong="enabled NOT IN ('O', 'A')",
    tell=lambda row: Difference(
        (row["name"],), "trigger enabled", {"-": "no such trigger"}.get(row["enabled"], "disabled")
    ),
)

M2 = Within(
    id="M2",
    statement="the ledger tells of each payment what the payment tells of itself",
    services=(PAYMENTS,),
    each=f"""
    SELECT p.id, p.order_id, p.captured_amount AS captured, p.refunded_amount AS refunded,
      coalesce(-sum(e.amount) FILTER (WHERE t.kind = 'capture' AND e.account = '{RECEIVABLE}'), 0)
        ::bigint AS booked,
      (coalesce(-sum(e.amount) FILTER (WHERE t.kind = 'refund' AND e.amount < 0), 0)
        - coalesce(sum(e.amount) FILTER (WHERE t.kind = 'reversal' AND e.amount > 0), 0))
        ::bigint AS given_back,
      p.disputed_amount AS disputed, p.charged_back_amount AS charged_back,
      coalesce(sum(e.amount) FILTER (WHERE e.account = 'disputes'), 0)::bigint AS in_dispute,
      coalesce(sum(e.amount) FILTER (WHERE e.account = 'chargebacks'), 0)::bigint AS lost
    FROM payment AS p LEFT JOIN operation AS o ON o.payment_id = p.id
      LEFT JOIN ledger_transfer AS t ON t.operation_id = o.id
      LEFT JOIN ledger_entry AS e ON e.operation_id = t.operation_id AND e.currency = p.currency
    WHERE p.id IN (SELECT id FROM @changed_payments AS c) GROUP BY p.id""",
    wrong="captured <> booked OR refunded <> given_back OR disputed <> in_dispute"
    " OR charged_back <> lost",
    tell=lambda row: Difference(
        (row["id"], row["order_id"]),
        f"booked as captured {row['captured']}, refunded {row['refunded']}, disputed"
        f" {row['disputed']}, charged back {row['charged_back']}",
        f"captured {row['booked']}, refunded {row['given_back']}, disputed {row['in_dispute']},"
        f" charged back {row['lost']}",
    ),
)

M4 = Within(
    id="M4",
    statement="0 <= refunded <= captured <= authorised <= amount of each payment, claims included;"
    " no more of it disputed or lost than captured",
    services=(PAYMENTS,),
    each="""
    SELECT id, order_id, amount, authorised_amount AS authorised, captured_amount AS captured,
      refunded_amount AS refunded, capturing_amount AS capturing, refunding_amount AS refunding,
      disputed_amount + charged_back_amount AS gone, least(disputed_amount, charged_back_amount) AS
      lowest
    FROM payment WHERE id IN (SELECT id FROM @changed_payments AS c)""",
    wrong="""authorised NOT BETWEEN 0 AND amount OR captured + capturing > authorised
      OR refunded + refunding > captured OR gone > captured
      OR least(captured, refunded, capturing, refunding, lowest) < 0""",
    tell=lambda row: Difference(
        (row["id"], row["order_id"]),
        f"within the amount of {row['amount']}",
        f"authorised {row['authorised']}, captured {row['captured']} (+{row['capturing']}),"
        f" refunded {row['refunded']} (+{row['refunding']}), in or lost to disputes {row['gone']}",
    ),
)

M10 = Within(
    id="M10",
    statement="captures and refunds of a payment sum to what it says was captured and refunded",
    services=(PAYMENTS,),
    each="""
    SELECT p.id, p.order_id, p.captured_amount AS captured, p.refunded_amount AS refunded,
      p.capturing_amount AS capturing, p.refunding_amount AS refunding,
      coalesce(sum(o.amount) FILTER (WHERE o.kind = 'capture' AND o.state = 'succeeded'), 0)
        ::bigint AS captures,
      (coalesce(sum(o.amount) FILTER (WHERE o.kind = 'refund' AND o.state = 'succeeded'), 0)
        - coalesce(sum(o.amount) FILTER (WHERE o.kind = 'reversal'), 0))::bigint AS refunds,
      coalesce(sum(o.amount) FILTER (
        WHERE o.kind = 'capture' AND o.state IN ('pending', 'unknown')), 0)::bigint AS claims,
      coalesce(sum(o.amount) FILTER (
        WHERE o.kind = 'refund' AND o.state IN ('pending', 'unknown')), 0)::bigint AS returns
    FROM payment AS p LEFT JOIN operation AS o ON o.payment_id = p.id
    WHERE p.id IN (SELECT id FROM @changed_payments AS c) GROUP BY p.id""",
    wrong="captured <> captures OR refunded <> refunds OR capturing <> claims"
    " OR refunding <> returns",
    tell=lambda row: Difference(
        (row["id"], row["order_id"]),
        f"captured {row['captures']} (+{row['claims']}), refunded {row['refunds']}"
        f" (+{row['returns']})",
        f"captured {row['captured']} (+{row['capturing']}), refunded {row['refunded']}"
        f" (+{row['refunding']})",
    ),
)

M11 = Within(
    id="M11",
    statement="what is in a gift card or a credit is what the ledger says, and what is held of it"
    " is what its payments hold, and is there",
    services=(PAYMENTS,),
    each="""
    SELECT id, kind, balance, held, coalesce(-(SELECT sum(e.amount) FROM ledger_entry AS e
      WHERE e.holder = purse.id AND e.holder <> '' AND e.currency = purse.currency), 0)::bigint
      AS booked, coalesce(promised, 0)::bigint AS promised
    FROM purse LEFT JOIN (
      SELECT purse_id, sum(authorised_amount - captured_amount) AS promised FROM payment
      WHERE state IN ('authorised', 'partially_captured') GROUP BY 1) AS p ON purse_id = purse.id
    WHERE id IN (SELECT id FROM @changed_purses AS c)""",
    wrong="balance <> booked OR held <> promised OR (kind <> 'on_account' AND balance < held)",
    tell=lambda row: Difference(
        (row["id"],),
        f"{row['booked']} in it, of which {row['promised']} are held",
        f"{row['balance']}, of which {row['held']} are held",
    ),
)

# --- payments and orders -----------------------------------------------------------------------

# Quiet, and nobody is working on it.
QUIET_ORDERS = """
SELECT o.id, o.number, o.state, o.currency, o.total, o.captured, o.cart,
  o.document->'payments' AS payments, o.document->>'reservation' AS reservation,
  o.document->>'placement' AS placement, o.document->'lines' AS lines,
  o.document->'coupons' AS coupons, o.document->'tenders' AS tenders
FROM orders AS o
WHERE o.id IN (SELECT id FROM @changed_orders AS c) AND o.updated_at < now() - :grace
  AND NOT EXISTS (SELECT FROM process AS p WHERE p.order_id = o.id AND p.next_run_at IS NOT NULL)
"""
_PAYMENTS_OF_ORDERS = """
SELECT order_id AS key, id, state, currency, amount, authorised_amount AS authorised,
  captured_amount AS captured, refunded_amount AS refunded,
  disputed_amount + charged_back_amount AS gone,
  CASE WHEN state IN ('authorised', 'partially_captured')
    THEN authorised_amount - captured_amount ELSE 0 END AS held
FROM payment WHERE order_id = ANY(:keys)"""
PAID = Joined(query=Query(PAYMENTS, _PAYMENTS_OF_ORDERS), by=lambda row: [row["id"]])


def never_paid_twice(batch: Batch) -> Iterator[Difference]:
    """Neither all payments of an order together nor any of them keep or take more than they may."""
    for order in batch.rows:
        paid = batch.of("paid", order["id"])
        shares = {each["payment"]: each["amount"] for each in order["tenders"] or ()}
        for each in paid:
            share = shares.get(each["id"])
            taken = each["held"] + each["captured"] - each["refunded"]
            if share is not None and (taken > share or each["amount"] != share):
                yield Difference(
                    (order["id"], each["id"]),
                    f"asked for its share of {share}, and no more kept or taken",
                    f"asked for {each['amount']}, {taken} kept or taken",
                )
        kept = sum_of(paid, "held") + sum_of(paid, "captured") - sum_of(paid, "refunded")
        if kept > order["total"]:
            live = [each["id"] for each in paid if each["held"] or each["captured"]]
            yield Difference(
                (order["id"], *live), f"at most {order['total']} kept or taken", str(kept)
            )


M6 = Across(
    id="M6",
    statement="no order is paid twice: all its payments together keep and take its total at most,"
    " and each of them its share",
    lead=Query(ORDERS, QUIET_ORDERS),
    joined={"paid": PAID},
    compare=never_paid_twice,
)


def authorised_is_total(batch: Batch) -> Iterator[Difference]:
    """The payments an order names were asked for its total, in its currency."""
    for order in batch.rows:
        named = set(order["payments"])
        paid = [each for each in batch.of("paid", order["id"]) if each["id"] in named]
        asked = sum_of(paid, "amount")
        currencies = sorted({each["currency"] for each in paid} - {order["currency"]})
        if asked != order["total"] or currencies or len(paid) != len(named):
            yield Difference(
                (order["id"], *sorted(named)),
                f"payments for {order['total']} {order['currency']}",
                f"{len(paid)} for {asked} {' '.join(currencies) or order['currency']}",
            )


M7 = Across(
    id="M7",
    statement="what was authorised is the order's total",
    lead=Query(ORDERS, QUIET_ORDERS),
    joined={"paid": PAID},
    compare=authorised_is_total,
)


def captured_is_captured(batch: Batch) -> Iterator[Difference]:
    """An order knows what was captured for it."""
    for order in batch.rows:
        captured = sum_of(batch.of("paid", order["id"]), "captured")
        if captured != order["captured"]:
            yield Difference((order["id"],), f"captured {captured}", str(order["captured"]))


M5_ORDERS = Across(
    id="M5.orders",
    statement="what an order says was captured is what its payments say",
    lead=Query(ORDERS, QUIET_ORDERS),
    joined={"paid": PAID},
    compare=captured_is_captured,
)

_WITH_MONEY = f"""
SELECT * FROM ({SETTLED} WHERE p.id IN (SELECT id FROM @changed_payments AS c)) AS ours
WHERE settled AND (held > 0 OR captured > refunded + disputed + charged_back)"""
_ORDERS_OF_PAYMENTS = """
SELECT k.order_id AS key, o.state, o.document->'payments' AS payments,
  EXISTS (SELECT FROM process AS p WHERE p.order_id = k.order_id
    AND (p.next_run_at IS NOT NULL OR p.updated_at >= now() - :grace)) AS under_way
FROM unnest(:keys::text[]) AS k (order_id) LEFT JOIN orders AS o ON o.id = k.order_id"""


def paid_without_order(batch: Batch) -> Iterator[Difference]:
    """Money that is kept or was taken belongs to an order that stands."""
    for payment in batch.rows:
        for order in batch.of("orders", payment["order_id"]):
            stands = order["state"] not in (None, "CANCELLED")
            if order["under_way"] or (stands and payment["id"] in order["payments"]):
                continue
            state = order["state"] or "no order"
            if stands:
                state = "an order that does not name it"
            yield Difference(
                (payment["id"], payment["order_id"]),
                "an order that stands, or the money given back",
                f"{state}, held {payment['held']},"
                f" taken {payment['captured'] - payment['refunded']}",
            )


M12 = Across(
    id="M12",
    statement="money that is kept or was taken belongs to one order that stands",
    lead=Query(PAYMENTS, _WITH_MONEY),
    joined={
        "orders": Joined(query=Query(ORDERS, _ORDERS_OF_PAYMENTS), by=lambda row: [row["order_id"]])
    },
    compare=paid_without_order,
)

MONEY: tuple[Invariant, ...] = (
    M1,
    M2_GUARDED,
    M2,
    M4,
    M5_ORDERS,
    M6,
    M7,
    M10,
    M11,
    M12,
)
