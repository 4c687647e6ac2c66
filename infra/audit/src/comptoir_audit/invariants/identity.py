"""Identity and secrets: nothing is kept in the clear that would open a door or a card."""

from comptoir_audit.invariant import (
    CUSTOMERS,
    ORDERS,
    PAYMENTS,
    SERVICES,
    Difference,
    Invariant,
    Within,
)

I2 = Within(
    id="I2",
    statement="a session has at most one refresh token that was not spent",
    services=(CUSTOMERS,),
    each="""
    SELECT session, count(*) FILTER (WHERE spent_at IS NULL) AS unspent FROM refresh_token
    GROUP BY session""",
    wrong="unspent > 1",
    tell=lambda row: Difference((row["session"],), "at most 1 unspent", f"{row['unspent']}"),
    full_only=True,
)

I3 = Within(
    id="I3",
    statement="of passwords and refresh tokens only hashes are kept",
    services=(CUSTOMERS,),
    each="""
    SELECT id, 'password' AS secret, password_hash LIKE '$argon2id$%' AS hashed FROM customer
    UNION ALL SELECT id, 'password', password_hash LIKE '$argon2id$%' FROM staff_member
    UNION ALL SELECT session, 'refresh token', length(digest) = 32 FROM refresh_token""",
    wrong="NOT hashed",
    tell=lambda row: Difference((row["id"],), f"{row['secret']} hashed", "something else"),
    full_only=True,
)

E7_TOKENS = Within(
    id="E7.tokens",
    statement="what a payment was made with is forgotten when the provider has decided",
    services=(PAYMENTS,),
    each="""
    SELECT id, payment_id, token <> '' OR return_url <> '' AS kept FROM operation
    WHERE state NOT IN ('pending', 'unknown') AND payment_id IN (
      SELECT id FROM @changed_payments AS c)""",
    wrong="kept",
    tell=lambda row: Difference((row["id"], row["payment_id"]), "no token", "a token"),
)

E7_PLACEMENTS = Within(
    id="E7.placements",
    statement="what an order was to be paid with is forgotten when its placement has ended",
    services=(ORDERS,),
    each="""
    SELECT id, order_id, jsonb_path_exists(document, '$.**.token ? (@ <> "")') AS kept FROM process
    WHERE kind = 'PLACEMENT' AND next_run_at IS NULL AND order_id IN (
      SELECT id FROM @begun_orders AS c)""",
    wrong="kept",
    tell=lambda row: Difference((row["id"], row["order_id"]), "no token", "a token"),
)

# The sandbox provider takes these numbers and no others, so in every place where it is used a
# card number that got past the tokeniser is one of them.
CANARIES = (
    "4242424242424242",
    "5555555555554444",
    "4000000000000002",
    "4000000000009995",
    "4000000000000069",
    "4000000000000127",
    "4000002500003155",
    "4000000000100018",
    "4000000000100026",
    "4000000000100034",
    "4000000000100042",
    "4000000000100059",
    "4000000000100067",
    "4000000000100075",
)
_PATTERN = "|".join((*CANARIES, *(each.encode().hex() for each in CANARIES)))
# How they begin, few enough to be looked for quickly: hardly any row needs the pattern.
_BEGINNINGS = ("42424242424242", "55555555555544", "4000000000", "4000002500")
_QUICKLY = [f"%{each}%" for each in (*_BEGINNINGS, *(each.encode().hex() for each in _BEGINNINGS))]
assert all(each.startswith(_BEGINNINGS) for each in CANARIES)

# A row as text holds each of its columns: text as it is, documents, and bytes in hexadecimal.
E7 = Within(
    id="E7",
    statement="no card number is in any column of any table",
    services=SERVICES,
    each=f"""
    SELECT name, count(*) FILTER (WHERE CASE WHEN row LIKE ANY (ARRAY{_QUICKLY})
      THEN row ~ '{_PATTERN}' ELSE false END) AS hits
    FROM @every_table AS whole GROUP BY name""",
    wrong="hits > 0",
    tell=lambda row: Difference(
        (f"table {row['name']}",), "no card number", f"in {row['hits']} rows"
    ),
    full_only=True,
)

IDENTITY: tuple[Invariant, ...] = (I2, I3, E7_TOKENS, E7_PLACEMENTS, E7)
