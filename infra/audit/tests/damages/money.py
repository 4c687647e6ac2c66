"""Damages to money."""

from infra.audit.tests.damages.damage import Damage, unchecked
from infra.audit.tests.story import JOURNAL
from infra.audit.tests.story.payments import entry_of

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
        "entries do not move what is in a purse",
        (("M2.guarded", ("ledger_entry_moves_purse",)),),
        {"payments": "DROP TRIGGER ledger_entry_moves_purse ON ledger_entry"},
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
            "payments": unchecked("payment") + "UPDATE payment SET capturing_amount = 1491"
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
        "the provider gave back what was refunded as store credit",
        (("M5", _PSP), ("M5.journal", _PSP)),
        journal=(*JOURNAL, entry_of("refunded", "fulfilled", 100, captured=2740)),
    ),
    Damage(
        "the provider has lost a dispute that we do not know of",
        (("M5", _PSP), ("M5.journal", _PSP)),
        journal=(
            *JOURNAL,
            entry_of("dispute_lost", "fulfilled", 5, captured=2740, charged_back=5),
        ),
    ),
    Damage(
        "the provider says that a refund came back",
        (("M5", _PSP), ("M5.journal", _PSP)),
        journal=(*JOURNAL, entry_of("refund_failed", "fulfilled", 5, captured=2740)),
    ),
    Damage(
        "a dispute is in no transfer",
        (("M2", _PAY), ("M5", _PSP), ("M5.journal", _PSP)),
        {"payments": "UPDATE payment SET disputed_amount = 5 WHERE id = 'pay_fulfilled'"},
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
        (("M7", ("ord_placed", "pay_placed")), ("M6", ("ord_placed", "pay_placed"))),
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
    Damage(
        "a gift card holds more than was put into it",
        (("M11", ("pur_1",)),),
        {
            "payments": "INSERT INTO purse (id, kind, owner, buyers, currency, code_hash, display,"
            " balance, held, credit_limit, terms_days, created_at, updated_at) VALUES ('pur_1',"
            " 'gift_card', '', '{}', 'EUR', sha256('code'), '', 100, 0, 0, 0, now(), now())"
        },
    ),
    Damage(
        "more of a credit is held than its payments hold",
        (("M11", ("crd_1",)),),
        {"payments": "UPDATE purse SET held = 1 WHERE id = 'crd_1'"},
    ),
    Damage(
        "more is lost to disputes than was taken",
        (("M4", _PAY), ("M2", _PAY), ("M5", _PSP), ("M5.journal", _PSP)),
        {
            "payments": unchecked("payment") + "UPDATE payment SET charged_back_amount = 2741"
            " WHERE id = 'pay_fulfilled'"
        },
    ),
    Damage(
        "more of a credit is held than there is",
        (("M11", ("crd_1",)),),
        {"payments": unchecked("purse") + "UPDATE purse SET held = 101 WHERE id = 'crd_1'"},
    ),
)
