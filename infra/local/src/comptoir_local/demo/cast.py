"""Who plays in the demo, and with what: skus, places and codes of the sample catalogue."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

# Only in the warehouse near Lyon, only in the Lyon store, and in both.
RAINCOAT = "CLO-BRUME-NAV-M"
SHOES = "SHO-AGNEAU-38"
COFFEE = "HOM-BRULERIE"
# One unit in the whole network, in the Lyon store.
LAST_JACKET = "CLO-GIVRE-OCH-L"

WAREHOUSE = "warehouse_lyon"
STORE = "store_lyon"
NEAR_LYON = "45.7640,4.8357"
COUPON = "BIENVENUE10"

HOME = {
    "recipient": "Cliente de démonstration",
    "lines": ["12 rue de la République"],
    "postalCode": "69002",
    "city": "Lyon",
    "country": "FR",
    "point": {"latitude": 45.7597, "longitude": 4.8345},
}

SELLER_PERMISSIONS = [
    "carts.assist",
    "customers.read",
    "fulfilment.write",
    "orders.read",
    "sales.record",
    "stock.read",
    "stock.write",
]


@dataclass(frozen=True)
class Credentials:
    """An e-mail with its password."""

    email: str
    password: str = field(repr=False)


def newcomer(role: str) -> Credentials:
    """Somebody nobody knows yet, so that the demo can run again on the same data."""
    return Credentials(f"{role}.{secrets.token_hex(4)}@example.com", secrets.token_urlsafe(18))


@dataclass(frozen=True)
class Stage:
    """Where the demo plays: the gateway, the provider, and the first staff account."""

    gateway: str
    provider: str
    administrator: Credentials
