"""Tax rates as data."""

from comptoir_cart.policies.taxes.table import TaxTable

__all__ = ["TaxTable"]
