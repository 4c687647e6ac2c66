"""What can go wrong, one thing at a time, and exactly what the auditor must say of it.

Each names an invariant, breaks the healthy world behind the back of its guards, and lists every
finding that follows: the invariant meant, and others where the same damage breaks them too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from comptoir_audit.invariant import Row
from infra.audit.tests.story import JOURNAL
from infra.audit.tests.story.payments import entry_of
from infra.audit.tests.story.sales import event_id

Named = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Damage:
    """`findings`: invariant and ids, of all that is found."""

    what: str
    findings: tuple[Named, ...]
    sql: Mapping[str, str] = field(default_factory=dict)
    journal: Sequence[Row] = JOURNAL

    @property
    def invariant(self) -> str:
        return self.findings[0][0]


def _unchecked(table: str) -> str:
    """Drops the checks of a table."""
    return (
        "DO $$ DECLARE found text; BEGIN FOR found IN SELECT conname FROM pg_constraint"
        f" WHERE conrelid = '{table}'::regclass AND contype IN ('c', 'u') LOOP"
        f" EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', found); END LOOP; END $$;\n"
    )


_PAY = ("pay_fulfilled", "ord_fulfilled")
_PSP = (*_PAY, "psp_fulfilled")

MONEY = (
    Damage(
        "an entry of a transfer was changed",
        (("M1", ("pop_refund_fulfilled", "pay_fulfilled")),),
        {
            "payments": "UPDATE ledger_entry SET amount = 451"
            " WHERE operation_id = 'pop_refund_fulfilled' AND account = 'refunds'"
        },
    ),
    Damage(
        "the guards of the ledger are switched off",
        (("M2.guarded", ("ledger_entry_append_only",)),),
        {"payments": "ALTER TABLE ledger_entry DISABLE TRIGGER ledger_entry_append_only"},
    ),
    Damage(
        "a guard of the ledger is gone",
        (("M2.guarded", ("ledger_transfer_balanced",)),),
        {"payments": "DROP TRIGGER ledger_transfer_balanced ON ledger_transfer"},
    ),
    Damage(
        "a transfer was deleted",
        (("M2", _PAY),),
        {
            "payments": "DELETE FROM ledger_entry WHERE operation_id = 'pop_capture_fulfilled';\n"
            "DELETE FROM ledger_transfer WHERE operation_id = 'pop_capture_fulfilled'"
        },
    ),
    Damage(
        "more was taken than was authorised",
        (("M4", ("pay_placed", "ord_placed")), ("M10", ("pay_placed", "ord_placed"))),
        {
            "payments": _unchecked("payment") + "UPDATE payment SET capturing_amount = 1491"
            " WHERE id = 'pay_placed'"
        },
    ),
    Damage(
        "the provider took the money twice",
        (("M5", _PSP), ("M5.journal", _PSP)),
        journal=(*JOURNAL, entry_of("captured", "fulfilled", 2740, captured=2740)),
    ),
    Damage(
        "the provider gave back what we do not know of",
        (("M5", _PSP), ("M5.journal", _PSP)),
        journal=(*JOURNAL, entry_of("refunded", "fulfilled", 1, captured=2740)),
    ),
    Damage(
        "the provider charged for a payment that is not ours",
        (("M5.journal", ("pay_lost", "psp_lost")),),
        journal=(*JOURNAL, entry_of("captured", "fulfilled", 2740, as_id="lost", captured=2740)),
    ),
    Damage(
        "an order does not know what was captured",
        (("M5.orders", ("ord_fulfilled",)),),
        {"orders": "UPDATE orders SET captured = 0 WHERE id = 'ord_fulfilled'"},
    ),
    Damage(
        "an order is paid twice",
        (
            ("M6", ("ord_placed", "pay_placed", "pay_sold")),
            ("M5.orders", ("ord_placed",)),
            ("M5.orders", ("ord_sold",)),
            ("M7", ("ord_sold", "pay_sold")),
            ("M12", ("pay_sold", "ord_placed")),
            ("O5.money", ("ord_sold",)),
        ),
        {"payments": "UPDATE payment SET order_id = 'ord_placed' WHERE id = 'pay_sold'"},
    ),
    Damage(
        "the provider still holds what we have given up",
        (("M6.held", ("pay_cancelled", "ord_cancelled", "psp_cancelled")),),
        journal=[each for each in JOURNAL if each["type"] != "payment.voided"],
    ),
    Damage(
        "another amount was authorised than the order costs",
        (("M7", ("ord_placed", "pay_placed")),),
        {"payments": "UPDATE payment SET amount = 1491 WHERE id = 'pay_placed'"},
    ),
    Damage(
        "a refund is not in the sum of refunds",
        (("M10", _PAY),),
        {"payments": "UPDATE operation SET amount = 449 WHERE id = 'pop_refund_fulfilled'"},
    ),
    Damage(
        "money was taken and there is no order",
        (
            ("M12", ("pay_failed", "ord_failed")),
            ("M6.held", ("pay_failed", "ord_failed")),
            ("O5.failed", ("plc_failed", "ord_failed")),
        ),
        {
            "payments": "UPDATE payment SET state = 'authorised', authorised_amount = amount"
            " WHERE id = 'pay_failed'"
        },
    ),
)

STOCK = (
    Damage(
        "units are reserved for nobody",
        (("S1", ("RAIN", "lyon")),),
        {"inventory": "UPDATE stock_item SET reserved = 3 WHERE sku = 'RAIN'"},
    ),
    Damage(
        "more is reserved than there is",
        (("S1", ("RAIN", "lyon")), ("S8", ("RAIN", "lyon"))),
        {
            "inventory": _unchecked("stock_item")
            + "UPDATE stock_item SET on_hand = 1 WHERE sku = 'RAIN'"
        },
    ),
    Damage(
        "more is promised than ever came in",
        (("S2", ("RAIN", "lyon")), ("S8", ("RAIN", "lyon"))),
        {"inventory": "UPDATE movement SET units = 3 WHERE id = 'mov_1'"},
    ),
    Damage(
        "a hold was never given back",
        (("S3.overdue", ("rsv_waiting", "order/ord_waiting")),),
        {
            "inventory": "UPDATE reservation SET expires_at = now() - interval '5 minutes'"
            " WHERE id = 'rsv_waiting'"
        },
    ),
    Damage(
        "stock is held for nobody's order",
        (("S3", ("rsv_stray", "ord_stray")),),
        {
            "inventory": "INSERT INTO reservation SELECT 'rsv_stray', 'order/ord_stray',"
            ' request_id, 2, \'[["RAIN", "lyon", 1, 0, 0]]\', expires_at, created_at'
            " FROM reservation WHERE id = 'rsv_placed';\n"
            "UPDATE stock_item SET reserved = 3 WHERE sku = 'RAIN'"
        },
    ),
    Damage(
        "a reservation is in two states",
        (("S4", ("rsv_failed", "order/ord_failed")),),
        {"inventory": "UPDATE reservation SET state = 3 WHERE id = 'rsv_failed'"},
    ),
    Damage(
        "units vanished without a movement",
        (("S8", ("SHOE", "store")),),
        {"inventory": "UPDATE stock_item SET on_hand = 1 WHERE location = 'store'"},
    ),
)

_DOCUMENT = "UPDATE orders SET document = jsonb_set(document, '{%s}', '%s') WHERE id = 'ord_%s'"

ORDERS = (
    Damage(
        "a discount does not add up",
        (("M8", ("ord_fulfilled", "26-000001")),),
        {"orders": _DOCUMENT % ("totals,discount", "240", "fulfilled")},
    ),
    Damage(
        "a parcel costs a cent more",
        (("M8", ("ord_placed", "26-000002")),),
        {"orders": "UPDATE fulfilment SET goods = goods + 1 WHERE id = 'ful_placed'"},
    ),
    Damage(
        "more was captured than the order costs",
        (("M9", ("ord_placed", "26-000002")), ("M5.orders", ("ord_placed",))),
        {
            "orders": _unchecked("orders")
            + "UPDATE orders SET captured = 1491 WHERE id = 'ord_placed'"
        },
    ),
    Damage(
        "a placement succeeded without an order",
        (("O1", ("ord_failed",)),),
        {"orders": "UPDATE process SET state = 'PLACED' WHERE id = 'plc_failed'"},
    ),
    Damage(
        "an order came from nowhere",
        (("O1", ("ord_placed",)),),
        {"orders": "DELETE FROM process WHERE id = 'plc_placed'"},
    ),
    Damage(
        "an order is fulfilled before its parcel has left",
        (("O3", ("ord_fulfilled", "26-000001")),),
        {"orders": "UPDATE fulfilment SET state = 'PROPOSED' WHERE id = 'ful_fulfilled'"},
    ),
    Damage(
        "a placement is stuck",
        (("O4", ("plc_waiting", "ord_waiting")),),
        {
            "orders": "UPDATE process SET deadline = now() - interval '2 minutes'"
            " WHERE id = 'plc_waiting'"
        },
    ),
    Damage(
        "nobody drives what is due",
        (("O4", ("plc_waiting", "ord_waiting")),),
        {
            "orders": "UPDATE process SET next_run_at = now() - interval '2 minutes'"
            " WHERE id = 'plc_waiting'"
        },
    ),
    Damage(
        "nobody asks the provider",
        (("O4.provider", ("pop_authorise_waiting", "pay_waiting")),),
        {
            "payments": "UPDATE operation SET next_attempt_at = now() - interval '2 minutes'"
            " WHERE id = 'pop_authorise_waiting'"
        },
    ),
    Damage(
        "an order's stock was given to others",
        (("O5.stock", ("ord_placed", "rsv_placed")),),
        {
            "inventory": "UPDATE reservation SET state = 5 WHERE id = 'rsv_placed';\n"
            "UPDATE stock_item SET reserved = 1 WHERE sku = 'RAIN'"
        },
    ),
    Damage(
        "an order's money was given up",
        (
            ("O5.money", ("ord_placed",)),
            ("M6.held", ("pay_placed", "ord_placed", "psp_placed")),
        ),
        {
            "payments": "UPDATE payment SET state = 'voided', authorised_amount = 0"
            " WHERE id = 'pay_placed'"
        },
    ),
    Damage(
        "an ordered cart is open again",
        (("O5.cart", ("ord_placed", "plc_placed", "crt_placed")),),
        {"cart": "UPDATE cart SET state = 1, order_id = NULL WHERE id = 'crt_placed'"},
    ),
    Damage(
        "a failed placement keeps its cart",
        (
            ("O5.failed", ("plc_failed", "ord_failed")),
            ("P2", ("plc_failed", "WELCOME")),
        ),
        {"cart": "UPDATE checkout SET state = 1 WHERE id = 'plc_failed'"},
    ),
    Damage(
        "a failed placement keeps its stock",
        (
            ("O5.failed", ("plc_failed", "ord_failed")),
            ("S3", ("rsv_failed", "ord_failed")),
        ),
        {
            "inventory": "UPDATE reservation SET state = 1,"
            " lines = '[[\"RAIN\", \"lyon\", 1, 0, 0]]' WHERE id = 'rsv_failed';\n"
            "UPDATE stock_item SET reserved = 3 WHERE sku = 'RAIN'"
        },
    ),
    Damage(
        "an order was altered after it was placed",
        (("O6", ("ord_placed", "plc_placed")), ("O5.stock", ("ord_placed", "rsv_placed"))),
        {"orders": _DOCUMENT % ("lines,0,sku", '"SHOE"', "placed")},
    ),
    Damage(
        "a number was given twice",
        (("O8", ("26-000001", "ord_fulfilled", "ord_placed")),),
        {
            "orders": _unchecked("orders")
            + "UPDATE orders SET number = '26-000001' WHERE id = 'ord_placed'"
        },
    ),
)

PROMOTIONS = (
    Damage(
        "a coupon was used more often than it counts",
        (("P1", ("WELCOME",)),),
        {"cart": "UPDATE coupon SET used_count = 1"},
    ),
    Damage(
        "a coupon was used more often than it may",
        (("P1", ("WELCOME",)),),
        {"cart": _unchecked("coupon") + "UPDATE coupon SET usage_limit = 1"},
    ),
    Damage(
        "a customer's use was not counted",
        (("P1.customer", ("WELCOME", "cus_1")),),
        {"cart": "UPDATE coupon_customer SET used_count = 0 WHERE customer = 'cus_1'"},
    ),
    Damage(
        "a use was not given back",
        (
            ("P2", ("plc_failed", "WELCOME")),
            ("O5.failed", ("plc_failed", "ord_failed")),
        ),
        {
            "cart": "UPDATE redemption SET state = 1 WHERE checkout = 'plc_failed';\n"
            "UPDATE coupon SET used_count = 3;\n"
            "UPDATE coupon_customer SET used_count = 1 WHERE customer = 'cus_3'"
        },
    ),
    Damage(
        "a quote's tax is not what its rate gives",
        (("M13", ("plc_placed",)),),
        {
            "cart": "UPDATE checkout SET quote = jsonb_set(quote,"
            " '{priced,totals,taxes,0,rate,thousandths}', '10000') WHERE id = 'plc_placed'"
        },
    ),
    Damage(
        "a quote's tax is a cent off",
        (("M13", ("plc_placed",)),),
        {
            "cart": "UPDATE checkout SET quote = jsonb_set(quote,"
            " '{priced,totals,taxes,0,tax}', '249') WHERE id = 'plc_placed'"
        },
    ),
)

IDENTITY = (
    Damage(
        "a session has two refresh tokens",
        (("I2", ("ses_1",)),),
        {"customers": "UPDATE refresh_token SET spent_at = NULL"},
    ),
    Damage(
        "a password is kept in the clear",
        (("I3", ("cus_1",)),),
        {"customers": "UPDATE customer SET password_hash = 'correct horse'"},
    ),
    Damage(
        "a refresh token is kept in the clear",
        (("I3", ("ses_1",)),),
        {
            "customers": "UPDATE refresh_token SET digest = 'a token in the clear'"
            " WHERE spent_at IS NULL"
        },
    ),
    Damage(
        "a payment's token is kept",
        (("E7.tokens", ("pop_authorise_placed", "pay_placed")),),
        {"payments": "UPDATE operation SET token = 'pm_1' WHERE id = 'pop_authorise_placed'"},
    ),
    Damage(
        "a placement's token is kept",
        (("E7.placements", ("plc_placed", "ord_placed")),),
        {
            "orders": "UPDATE process SET document = jsonb_set(document, '{intent,token}',"
            " '\"pm_1\"') WHERE id = 'plc_placed'"
        },
    ),
    Damage(
        "a card number is in a document",
        (("E7", ("table orders",)),),
        {"orders": _DOCUMENT % ("staff", '"4242424242424242"', "placed")},
    ),
    Damage(
        "a card number is in an event",
        (("E7", ("table outbox",)),),
        {"payments": "UPDATE outbox SET payload = 'x4000000000000002' WHERE producer_seq = 1"},
    ),
)

_PLACED_EVENT = event_id("OrderPlaced", "ord_placed")
_SUBJECT = "comptoir.orders.v1.OrderPlaced.ord_placed"

EVENTS = (
    Damage(
        "an order was placed without an event",
        (("E1", ("ord_placed",)),),
        {"orders": f"DELETE FROM outbox WHERE id = '{_PLACED_EVENT}'"},
    ),
    Damage(
        "a capture has no event",
        (("E1.payments", ("pay_sold",)),),
        {"payments": "DELETE FROM outbox WHERE subject LIKE '%PaymentCaptured.pay_sold'"},
    ),
    Damage(
        "an event was never published",
        (("E2.published", (_PLACED_EVENT, _SUBJECT)),),
        {"orders": f"UPDATE outbox SET published_at = NULL WHERE id = '{_PLACED_EVENT}'"},
    ),
    Damage(
        "a fact was not taken in",
        (("E2.orders-inventory", (_PLACED_EVENT, _SUBJECT)),),
        {"inventory": f"DELETE FROM inbox WHERE id = '{_PLACED_EVENT}'"},
    ),
    Damage(
        "a state was not taken in",
        (
            (
                "E2.customers-cart",
                (event_id("CustomerState", "cus_1"), "comptoir.customers.v1.CustomerState.cus_1"),
            ),
        ),
        {"cart": f"DELETE FROM inbox WHERE id = '{event_id('CustomerState', 'cus_1')}'"},
    ),
    Damage(
        "a fact is missing between others",
        (("E3", ("orders", "comptoir.orders.v1.OrderPlaced")),),
        {"cart": "UPDATE inbox_cursor SET gap_until = 7, gap_since = now() - interval '2 minutes'"},
    ),
    Damage(
        "an event is in quarantine",
        (
            (
                "E6",
                (event_id("CartCreated", "crt_old"), "comptoir.cart.v1.CartCreated.crt_old"),
            ),
        ),
        {"customers": "UPDATE dead_letter SET state = 'quarantined'"},
    ),
)

DAMAGES = (*MONEY, *STOCK, *ORDERS, *PROMOTIONS, *IDENTITY, *EVENTS)
