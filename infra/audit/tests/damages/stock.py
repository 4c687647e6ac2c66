"""Damages to stock."""

from infra.audit.tests.damages.damage import Damage, unchecked

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
            "inventory": unchecked("stock_item")
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
        (
            ("S3", ("rsv_stray", "ord_stray")),
            ("E1.inventory", ("rsv_stray",)),
            ("E1.inventory", ("rsv_stray",)),
        ),
        {
            "inventory": "INSERT INTO reservation SELECT 'rsv_stray', 'order/ord_stray',"
            ' request_id, 2, \'[["RAIN", "lyon", 1, 0, 0]]\', expires_at, created_at'
            " FROM reservation WHERE id = 'rsv_placed';\n"
            "UPDATE stock_item SET reserved = 3 WHERE sku = 'RAIN'"
        },
    ),
    Damage(
        "stock is held a second time for an order that stands",
        (
            ("S3", ("rsv_second", "ord_placed")),
            ("E1.inventory", ("rsv_second",)),
            ("E1.inventory", ("rsv_second",)),
        ),
        {
            "inventory": "INSERT INTO reservation SELECT 'rsv_second', owner, 'another',"
            ' 2, \'[["RAIN", "lyon", 1, 0, 0]]\', expires_at, created_at'
            " FROM reservation WHERE id = 'rsv_placed';\n"
            "UPDATE stock_item SET reserved = 3 WHERE sku = 'RAIN'"
        },
    ),
    Damage(
        "units are missing that nobody waits for",
        (("S1.waiting", ("RAIN", "lyon")),),
        {"inventory": "UPDATE stock_item SET reserved = 1, backordered = 1 WHERE sku = 'RAIN'"},
    ),
    Damage(
        "a reservation is in two states",
        (
            ("S4", ("rsv_failed", "order/ord_failed")),
            ("E1.inventory", ("rsv_failed",)),
        ),
        {"inventory": "UPDATE reservation SET state = 3 WHERE id = 'rsv_failed'"},
    ),
    Damage(
        "units vanished without a movement",
        (("S8", ("SHOE", "store")),),
        {"inventory": "UPDATE stock_item SET on_hand = 1 WHERE location = 'store'"},
    ),
)
