"""What the environment decides."""

from dataclasses import dataclass, field

from comptoir_runtime import settings


@dataclass(frozen=True, kw_only=True)
class Settings(settings.Settings):
    """Settings of the customers service."""

    bootstrap_staff_email: str = ""
    """E-mail of the first member of staff, who holds every permission; empty makes none."""
    bootstrap_staff_password: str = field(default="", repr=False)
    """Their password; taken over at each start."""
    key_encryption_key: str = field(default="", repr=False)
    """Password that encrypts signing keys at rest; empty stores them plain."""
