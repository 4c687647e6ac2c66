"""What the environment decides."""

from dataclasses import dataclass

from comptoir_runtime import settings


@dataclass(frozen=True, kw_only=True)
class Settings(settings.Settings):
    """Nothing beyond what every service reads."""
