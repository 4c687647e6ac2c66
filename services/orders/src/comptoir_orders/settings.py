"""What orders read from the environment."""

from dataclasses import dataclass

from comptoir_runtime.settings import Settings


@dataclass(frozen=True, kw_only=True)
class OrdersSettings(Settings):
    """Where the neighbours are, such as `dns:///127.0.0.1:5001`."""

    cart_target: str
    inventory_target: str
    payments_target: str
