"""Settings of this service."""

from dataclasses import dataclass

from comptoir_runtime import settings


@dataclass(frozen=True, kw_only=True)
class Settings(settings.Settings):
    """Which attributes have a meaning of their own, and how imports are worked off."""

    name_attribute: str = "name"
    """Names a product whose family has no label attribute, or no value for it."""
    description_attribute: str = "description"
    gtin_attribute: str = "ean"
    """A value of this attribute with a right check digit is the product's GTIN."""
    tax_class_attribute: str = "tax_class"
    weight_attribute: str = "weight"
    hidden_attribute_groups: tuple[str, ...] = ("erp",)
    """Attributes of these groups are never shown to the public."""
    work_imports: bool = True
    """False for a process that only answers calls and leaves imports to others."""
    import_batch_rows: int = 250
    """Rows of an import that are written in one transaction."""
    import_lease_seconds: float = 15.0
    """After this time without a sign of life another process goes on with an import."""
