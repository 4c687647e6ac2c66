"""Which countries are served."""

from comptoir_cart.domain.pricing import Rules
from comptoir_cart.errors import CountryNotServed


def require_served(rules: Rules, country: str) -> None:
    """Raises `CountryNotServed` when the tax rates of the country are not known."""
    if not rules.taxes.serves(country):
        raise CountryNotServed(f"nothing is sold to {country} yet", metadata={"country": country})
