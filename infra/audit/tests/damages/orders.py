"""Damages to orders."""

from infra.audit.tests.damages.damage import Damage, unchecked

DOCUMENT = "UPDATE orders SET document = jsonb_set(document, '{%s}', '%s') WHERE id = 'ord_%s'"

ORDERS = (
    Damage(
        "a discount does not add up",
        (("M8", ("ord_fulfilled", "26-000001")),),
        {"orders": DOCUMENT % ("totals,discount", "240", "fulfilled")},
    ),
    Damage(
        "a line costs neither its net price nor that and its tax",
        (("M8", ("ord_sold", "26-000004")),),
        {"orders": DOCUMENT % ("lines,0,unit_price", "416", "sold")},
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
            "orders": unchecked("orders")
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
        "whoever asks the provider never hears what it says",
        (("O4.provider", ("pop_authorise_waiting", "pay_waiting")),),
        {"payments": "UPDATE operation SET attempts = 0 WHERE id = 'pop_authorise_waiting'"},
    ),
    Damage(
        "an order's stock was given to others",
        (("O5.stock", ("ord_placed", "rsv_placed")), ("E1.inventory", ("rsv_placed",))),
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
        {"orders": DOCUMENT % ("lines,0,sku", '"SHOE"', "placed")},
    ),
    Damage(
        "a number was given twice",
        (("O8", ("26-000001", "ord_fulfilled", "ord_placed")),),
        {
            "orders": unchecked("orders")
            + "UPDATE orders SET number = '26-000001' WHERE id = 'ord_placed'"
        },
    ),
)
