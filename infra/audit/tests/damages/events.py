"""Damages to events."""

from infra.audit.tests.damages.damage import Damage
from infra.audit.tests.story.sales import event_id

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
        "a promise was confirmed without an event",
        (("E1.inventory", ("rsv_placed",)),),
        {"inventory": "DELETE FROM outbox WHERE subject LIKE '%ReservationConfirmed.rsv_placed'"},
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
