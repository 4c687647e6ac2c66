"""Damages to identity."""

from infra.audit.tests.damages.damage import Damage
from infra.audit.tests.damages.orders import DOCUMENT

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
        {"orders": DOCUMENT % ("staff", '"4242424242424242"', "placed")},
    ),
    Damage(
        "a card number is in an event",
        (("E7", ("table outbox",)),),
        {"payments": "UPDATE outbox SET payload = 'x4000000000000002' WHERE producer_seq = 1"},
    ),
)
