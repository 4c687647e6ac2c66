"""The only place where things are built and started."""

import asyncio
from importlib import resources

from comptoir.cart.v1 import cart_service_pb2
from comptoir_cart.domain.pricing import Rules
from comptoir_cart.operations.prices import announce_due
from comptoir_cart.policies import taxes
from comptoir_cart.policies.promotions import EFFECTS
from comptoir_cart.rpc import CartServicer
from comptoir_cart.settings import Settings
from comptoir_cart.subscribers import Subscribers
from comptoir_runtime import service
from comptoir_runtime.rpc import Binding
from comptoir_runtime.service import Parts, Runtime

# Price lists begin and end on the hour; a few seconds later everybody knows.
ANNOUNCE_INTERVAL_SECONDS = 5.0


async def build(runtime: Runtime, settings: Settings) -> Parts:
    """The parts of the cart service."""
    rules = Rules(taxes=_tax_rates(settings), effects=EFFECTS)
    servicer = CartServicer(rules, runtime.bus, settings.default_locale)

    async def announce() -> None:
        while True:
            while await announce_due(runtime.database.background):
                pass
            await asyncio.sleep(ANNOUNCE_INTERVAL_SECONDS)

    return Parts(
        bindings=[Binding(cart_service_pb2.DESCRIPTOR.services_by_name["CartService"], servicer)],
        subscriptions=Subscribers().subscriptions(),
        background=[announce],
    )


def _tax_rates(settings: Settings) -> taxes.TaxTable:
    if settings.tax_rates is not None:
        return taxes.TaxTable.from_csv(settings.tax_rates.read_text())
    return taxes.TaxTable.from_csv(resources.files(taxes).joinpath("vat.csv").read_text())


if __name__ == "__main__":
    service.main(
        "cart",
        Settings,
        build,
        metadata_module="comptoir_cart.tables",
        migrations_package="comptoir_cart",
    )
