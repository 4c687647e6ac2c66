"""How to find what has changed since a moment, by the indexes that exist.

Ids are made in the order of time, so a primary key answers "made since". What changes later
leaves something new behind: an order a process, a payment an operation, stock a movement. What
leaves nothing is seen by the next full pass.
"""

from comptoir_audit.scope import View, since_ids

PROCESSES = since_ids("id", ("plc", "sal", "cnl", "cap", "voi"))
BEGUN = since_ids("id", ("plc", "sal"))
PLACEMENTS = since_ids("id", ("plc",))
PAYMENTS_MADE = since_ids("id", ("pay",))
OPERATIONS = since_ids("id", ("pop",))
RESERVATIONS = since_ids("id", ("rsv",))
MOVEMENTS = since_ids("id", ("mov",))
CHECKOUTS = since_ids("c.id", ("plc",))
USES = since_ids("checkout", ("plc",))
_PAYMENTS = (
    f"SELECT id FROM payment WHERE {PAYMENTS_MADE}"
    f" UNION SELECT payment_id FROM operation WHERE {OPERATIONS}"
)

VIEWS = {
    "changed_orders": View(
        "SELECT id FROM orders",
        "SELECT id FROM orders WHERE placed_at >= :since"
        f" UNION SELECT order_id FROM process WHERE {PROCESSES}",
    ),
    "begun_orders": View(
        "SELECT id FROM orders UNION SELECT order_id FROM process"
        " WHERE kind IN ('PLACEMENT', 'STORE_SALE')",
        f"SELECT order_id AS id FROM process WHERE {BEGUN}",
    ),
    "changed_payments": View(
        "SELECT id FROM payment",
        _PAYMENTS,
    ),
    "changed_purses": View(
        "SELECT id FROM purse",
        "SELECT holder AS id FROM ledger_transfer AS t JOIN ledger_entry USING (operation_id)"
        " WHERE t.posted_at >= :since AND holder <> ''"
        # What is held of it and given up again is in no transfer.
        f" UNION SELECT purse_id FROM payment WHERE purse_id IS NOT NULL AND id IN ({_PAYMENTS})",
    ),
    "changed_uses": View(
        "SELECT code, customer FROM redemption UNION SELECT code, customer FROM coupon_customer"
        " UNION SELECT code, '' FROM coupon",
        f"SELECT DISTINCT code, customer FROM redemption WHERE {USES}",
    ),
    "changed_places": View(
        "SELECT sku, location FROM stock_item UNION SELECT sku, location FROM movement",
        f"SELECT DISTINCT sku, location FROM movement WHERE {MOVEMENTS}",
    ),
}
