"""Settings of the gateway, from the environment."""

from dataclasses import dataclass, field

from comptoir_runtime.settings import Settings


@dataclass(frozen=True, kw_only=True)
class GatewaySettings(Settings):
    """What every service reads, and where the six are."""

    database_url: str = field(default="", repr=False)
    """The gateway owns no data."""
    pim_target: str
    cart_target: str
    payments_target: str
    inventory_target: str
    orders_target: str
    customers_target: str
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may call, such as `https://shop.example`; empty means none, while
    developing any."""
    max_requests: int = 1000
    """Requests in progress; beyond them the answer is 503 at once."""
    max_streams: int = 10_000
    """Open event streams; beyond them the answer is 503 at once."""

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins that may call."""
        if not self.cors_origins and self.development:
            return ("*",)
        return self.cors_origins
