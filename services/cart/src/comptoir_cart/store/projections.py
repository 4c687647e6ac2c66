"""What is known of neighbours' products and customers; an older version never replaces a newer."""

from collections.abc import Mapping, Sequence

from comptoir_runtime.database import Session

_PUT_PRODUCT = """
INSERT INTO product AS p (id, sku, names, tax_class, channels, version)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (id) DO UPDATE SET sku = $2, names = $3, tax_class = $4, channels = $5, version = $6
WHERE p.version < $6"""

# The names stay: a line in a cart still has to say what it was.
_WITHDRAW_PRODUCT = """
INSERT INTO product AS p (id, sku, names, tax_class, channels, version)
VALUES ($1, $2, '{}', '', '{}', $3)
ON CONFLICT (id) DO UPDATE SET sku = $2, channels = '{}', version = $3 WHERE p.version < $3"""

_PUT_CUSTOMER = """
INSERT INTO customer AS c (id, price_group, version) VALUES ($1, $2, $3)
ON CONFLICT (id) DO UPDATE SET price_group = $2, version = $3 WHERE c.version < $3"""


async def put_product(
    session: Session,
    product_id: str,
    sku: str,
    names: Mapping[str, str],
    tax_class: str,
    channels: Sequence[str],
    version: int,
) -> None:
    """Takes over the newest state of a product; `names` by locale."""
    await session.execute(_PUT_PRODUCT, product_id, sku, names, tax_class, channels, version)


async def withdraw_product(session: Session, product_id: str, sku: str, version: int) -> None:
    """No channel sells the product any more."""
    await session.execute(_WITHDRAW_PRODUCT, product_id, sku, version)


async def put_customer(session: Session, customer_id: str, group: str, version: int) -> None:
    """Takes over the price group of a customer."""
    await session.execute(_PUT_CUSTOMER, customer_id, group, version)
