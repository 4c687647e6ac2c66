"""What neighbours tell of products and customers."""

from collections.abc import Mapping, Sequence

from comptoir_cart.store import projections as store
from comptoir_runtime.database import Session


async def learn_product(
    session: Session,
    product_id: str,
    sku: str,
    *,
    names: Mapping[str, str],
    tax_class: str,
    channels: Sequence[str],
    version: int,
) -> None:
    """Takes over the newest state of a product; an older one changes nothing."""
    await store.put_product(session, product_id, sku, names, tax_class, sorted(channels), version)


async def forget_product(session: Session, product_id: str, sku: str, version: int) -> None:
    """The product is sold nowhere any more; its name stays for the carts that hold it."""
    await store.withdraw_product(session, product_id, sku, version)


async def learn_customer(session: Session, customer_id: str, group: str, version: int) -> None:
    """Takes over the price group of a customer; an older state changes nothing."""
    await store.put_customer(session, customer_id, group, version)
