"""Environment → one frozen settings object."""

from dataclasses import dataclass, field

from comptoir_runtime.settings import Settings


@dataclass(frozen=True, kw_only=True)
class PaymentsSettings(Settings):
    """What only payments reads. Times are in seconds."""

    idempotency_hours: int = 30 * 24
    """How long answers are kept under their request ids: where money moves, a month."""
    psp_url: str = ""
    """Address of the sandbox provider, such as http://127.0.0.1:8080; required without Stripe."""
    psp_webhook_secret: tuple[str, ...] = field(default=(), repr=False)
    """Secrets that notices may be signed with: one, or the new and the old while it changes."""
    psp_timeout_seconds: float = 8.0
    """How long the provider may take; then the outcome is unknown and found out later."""
    gift_card_secret: str = field(default="", repr=False)
    """What codes of gift cards are derived from; without it none are issued."""
    stripe_api_key: str = field(default="", repr=False)
    """Secret key of a Stripe account; empty turns Stripe off."""
    stripe_webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    """As `psp_webhook_secret`, for Stripe's notices."""
    stripe_base_url: str = "https://api.stripe.com"
    """Address of anything that speaks Stripe's API."""
    resolver_poll_milliseconds: int = 1000
    """How often to look for operations whose outcome is due to be asked for."""
