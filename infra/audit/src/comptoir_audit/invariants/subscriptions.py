"""Who wants to know what of whom: the subscriptions of all services, as their code has them.

Written down here because nothing in the data says that a consumer that has taken in nothing
should have; `tests/unit/test_subscriptions.py` reads the services' code and compares.
"""

from collections.abc import Mapping

SUBSCRIPTIONS: Mapping[tuple[str, str], frozenset[str]] = {
    ("cart", "customers"): frozenset({"CartCreated", "CartClaimed"}),
    ("customers", "cart"): frozenset({"SigningKeyState", "CustomerState"}),
    ("customers", "inventory"): frozenset({"SigningKeyState"}),
    ("customers", "orders"): frozenset({"SigningKeyState"}),
    ("customers", "payments"): frozenset({"SigningKeyState"}),
    ("customers", "pim"): frozenset({"SigningKeyState"}),
    ("inventory", "orders"): frozenset({"ReservationCovered"}),
    ("orders", "cart"): frozenset({"OrderPlaced"}),
    ("orders", "customers"): frozenset(
        {"OrderPlaced", "OrderCancelled", "FulfilmentShipped", "FulfilmentHandedOver"}
    ),
    ("orders", "inventory"): frozenset(
        {"OrderPlaced", "FulfilmentShipped", "FulfilmentHandedOver"}
    ),
    ("payments", "customers"): frozenset(
        {
            "PaymentCaptured",
            "PaymentRefunded",
            "PaymentRefundFailed",
            "PaymentDisputed",
            "PaymentDisputeClosed",
        }
    ),
    ("payments", "orders"): frozenset(
        {
            "PaymentAuthorised",
            "PaymentFailed",
            "PaymentRefunded",
            "PaymentRefundFailed",
            "PaymentDisputed",
            "PaymentDisputeClosed",
        }
    ),
    ("pim", "cart"): frozenset({"ProductState"}),
}
"""By producer and consumer: names of messages in the producer's events."""


def full_names(producer: str, messages: frozenset[str]) -> list[str]:
    """The types as outbox and inbox have them."""
    return sorted(f"comptoir.{producer}.v1.{each}" for each in messages)
