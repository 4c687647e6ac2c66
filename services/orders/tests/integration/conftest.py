"""The service's processes on a real database, without a server around them."""

from collections.abc import AsyncIterator

import pytest

from comptoir_orders.domain.processes import Kind
from comptoir_orders.operations.cancelling import Cancelling
from comptoir_orders.operations.collecting import Collecting
from comptoir_orders.operations.driving import Runner, Worker
from comptoir_orders.operations.placing import Placing
from comptoir_orders.operations.selling import Selling
from comptoir_orders.policies.sourcing.fewest_parcels import FewestParcels
from comptoir_runtime.clock import ManualClock
from comptoir_runtime.database import Database, DatabaseSettings, Transactions
from services.orders.tests.neighbours import Town


@pytest.fixture
async def database(database_url: str, clock: ManualClock) -> AsyncIterator[Database]:
    """An empty database of the service, on the test's clock."""
    database = await Database.connect(DatabaseSettings(url=database_url), clock)
    yield database
    await database.close()


class Replica:
    """One process of the service, as far as driving goes."""

    def __init__(self, transactions: Transactions, town: Town) -> None:
        self.transactions = transactions
        collecting = Collecting(transactions, town.payments)
        placing = Placing(transactions, town.carts, town.stock, town.payments, FewestParcels())
        self.runner = Runner(
            transactions,
            {
                Kind.PLACEMENT: placing.drive,
                Kind.STORE_SALE: Selling(transactions, town.stock, town.payments).drive,
                Kind.CANCELLATION: Cancelling(transactions, town.stock, town.payments).drive,
                Kind.CAPTURE: collecting.capture,
                Kind.VOID: collecting.void,
            },
        )
        self.worker = Worker(transactions, self.runner)

    async def work(self) -> int:
        """Takes up what is due and waits for it; answers how many processes that were."""
        taken = await self.worker.look()
        await self.runner.stop()
        return taken


@pytest.fixture
def replica(database: Database, town: Town) -> Replica:
    return Replica(database.transactions, town)
