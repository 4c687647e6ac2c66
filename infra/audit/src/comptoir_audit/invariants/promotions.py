"""Promotions: no coupon is used more often than it may, and no use is lost."""

from comptoir_audit.invariant import CART, Difference, Invariant, Within
from comptoir_audit.invariants.changes import CHECKOUTS
from comptoir_audit.scope import since_ids

# A use counts while it is reserved (1) or redeemed (2).
P1 = Within(
    id="P1",
    statement="a coupon counts its uses, and they are within its limit",
    services=(CART,),
    each="""
    SELECT code, c.usage_limit, c.used_count, coalesce(used, 0) AS used
    FROM (SELECT * FROM coupon WHERE code IN (SELECT code FROM @changed_uses AS u)) AS c
    FULL JOIN (SELECT code, count(*) AS used FROM redemption
      WHERE state IN (1, 2) AND code IN (SELECT code FROM @changed_uses AS u)
      GROUP BY code) AS r USING (code)""",
    wrong="used_count IS DISTINCT FROM used OR (usage_limit > 0 AND used_count > usage_limit)",
    tell=lambda row: Difference(
        (row["code"],),
        f"{row['used']} uses" + (f", at most {row['usage_limit']}" if row["usage_limit"] else ""),
        f"{row['used_count']} counted",
    ),
)

P1_CUSTOMER = Within(
    id="P1.customer",
    statement="a coupon counts the uses of each customer",
    services=(CART,),
    each="""
    SELECT code, customer, coalesce(c.used_count, 0) AS used_count, coalesce(used, 0) AS used
    FROM (SELECT * FROM coupon_customer
      WHERE (code, customer) IN (SELECT code, customer FROM @changed_uses AS u)) AS c
    FULL JOIN (SELECT code, customer, count(*) AS used FROM redemption
      WHERE state IN (1, 2) AND (code, customer) IN (SELECT code, customer FROM @changed_uses AS u)
      GROUP BY code, customer) AS r USING (code, customer)""",
    wrong="used_count <> used",
    tell=lambda row: Difference(
        (row["code"], row["customer"]), f"{row['used']} uses", f"{row['used_count']} counted"
    ),
)

_STATES = ("", "reserved", "redeemed", "given back")

P2 = Within(
    id="P2",
    statement="a use of a coupon is where its checkout is: reserved, given back or redeemed",
    services=(CART,),
    each=f"""
    SELECT r.checkout, r.code, r.state,
      coalesce((ARRAY[1, 3, 2])[c.state], 3) AS expected
    FROM redemption AS r LEFT JOIN checkout AS c ON c.id = r.checkout
    WHERE {since_ids("r.checkout", ("plc",))}""",
    wrong="state <> expected",
    tell=lambda row: Difference(
        (row["checkout"], row["code"]), _STATES[row["expected"]], _STATES[row["state"]]
    ),
)

# What a rate comes to is rounded half up, once on top of net amounts and once within the others:
# net are the lines that say so, the rest of what the rate is for has its tax within.
M13 = Within(
    id="M13",
    statement="the tax of a quote is what its stored rates and amounts give again",
    services=(CART,),
    each=f"""
    SELECT c.id, sum(r.tax)::bigint AS tax, sum(t.again)::bigint AS again,
      bool_and(r.tax = t.again AND lines.tax = above.tax AND rest.gross >= 0) AS agrees,
      sum(r.net + r.tax)::bigint AS gross,
      (c.quote->'priced'->'totals'->>'total')::bigint AS total,
      (c.quote->'priced'->'totals'->>'tax')::bigint AS written
    FROM checkout AS c
    CROSS JOIN LATERAL jsonb_to_recordset(c.quote->'priced'->'totals'->'taxes')
      AS r (rate jsonb, net numeric, tax numeric)
    CROSS JOIN LATERAL (SELECT (r.rate->>'thousandths')::numeric AS rate) AS per
    CROSS JOIN LATERAL (
      SELECT coalesce(sum(line.subtotal - line.discount), 0) AS net,
        coalesce(sum(line.tax), 0) AS tax
      FROM jsonb_to_recordset(c.quote->'priced'->'lines') AS line
        (tax_rate text, tax_included boolean, subtotal numeric, discount numeric, tax numeric)
      WHERE NOT line.tax_included AND line.tax_rate = r.rate->>'text') AS lines
    CROSS JOIN LATERAL (SELECT div(2 * lines.net * per.rate + 100000, 200000) AS tax) AS above
    CROSS JOIN LATERAL (SELECT r.net + r.tax - lines.net - above.tax AS gross) AS rest
    CROSS JOIN LATERAL (
      SELECT above.tax + div(2 * rest.gross * per.rate + 100000 + per.rate,
        2 * (100000 + per.rate)) AS again) AS t
    WHERE ({CHECKOUTS}) AND c.created_at >= :since
    GROUP BY c.id""",
    wrong="NOT agrees OR gross <> total OR tax <> written",
    tell=lambda row: Difference(
        (row["id"],),
        f"tax {row['again']} in a total of {row['gross']}",
        f"tax {row['written']}, by rates {row['tax']}, in a total of {row['total']}",
    ),
)

PROMOTIONS: tuple[Invariant, ...] = (P1, P1_CUSTOMER, P2, M13)
