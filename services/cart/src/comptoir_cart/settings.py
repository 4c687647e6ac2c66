"""What the environment decides."""

from dataclasses import dataclass
from pathlib import Path

from comptoir_runtime import settings


@dataclass(frozen=True, kw_only=True)
class Settings(settings.Settings):
    default_locale: str = "fr_FR"
    """Names are shown in this locale when there is none in the caller's language."""
    tax_rates: Path | None = None
    """CSV file `country;tax_class;rate;valid_from`, in place of the rates that are shipped."""
