"""The only place where things are built and started."""

from comptoir.cart.v1 import cart_service_pb2
from comptoir.inventory.v1 import inventory_service_pb2
from comptoir.orders.v1 import orders_service_pb2
from comptoir.payments.v1 import payments_service_pb2
from comptoir_orders.clients import Carts, GrpcCarts, GrpcPayments, GrpcStock, Payments, Stock
from comptoir_orders.domain.processes import Kind
from comptoir_orders.operations import overdue
from comptoir_orders.operations.cancelling import Cancelling
from comptoir_orders.operations.collecting import Collecting
from comptoir_orders.operations.driving import Runner, Worker
from comptoir_orders.operations.placing import Placing
from comptoir_orders.operations.selling import Selling
from comptoir_orders.policies.sourcing.fewest_parcels import FewestParcels
from comptoir_orders.rpc import OrdersServicer
from comptoir_orders.settings import OrdersSettings
from comptoir_orders.subscribers import Subscribers
from comptoir_runtime import service
from comptoir_runtime.channel import Client
from comptoir_runtime.rpc import Binding
from comptoir_runtime.service import Parts, Runtime

_CART = cart_service_pb2.DESCRIPTOR.services_by_name["CartService"]
_INVENTORY = inventory_service_pb2.DESCRIPTOR.services_by_name["InventoryService"]
_PAYMENTS = payments_service_pb2.DESCRIPTOR.services_by_name["PaymentsService"]
_ORDERS = orders_service_pb2.DESCRIPTOR.services_by_name["OrdersService"]


async def build(runtime: Runtime, _: OrdersSettings) -> Parts:
    """The parts of the orders service."""
    return assemble(
        runtime,
        GrpcCarts(Client(runtime.channel("cart", _CART), _CART)),
        GrpcStock(Client(runtime.channel("inventory", _INVENTORY), _INVENTORY)),
        GrpcPayments(Client(runtime.channel("payments", _PAYMENTS), _PAYMENTS)),
    )


def assemble(runtime: Runtime, carts: Carts, stock: Stock, payments: Payments) -> Parts:
    """The same, with any neighbours."""
    transactions = runtime.transactions
    collecting = Collecting(transactions, payments)
    runner = Runner(
        transactions,
        {
            Kind.PLACEMENT: Placing(transactions, carts, stock, payments, FewestParcels()).drive,
            Kind.STORE_SALE: Selling(transactions, stock, payments).drive,
            Kind.CANCELLATION: Cancelling(transactions, stock, payments).drive,
            Kind.CAPTURE: collecting.capture,
            Kind.VOID: collecting.void,
        },
    )
    # Looking for work must not wait behind callers.
    worker = Worker(runtime.database.background, runner)
    servicer = OrdersServicer(runner, carts, runtime.bus, worker.wake)
    return Parts(
        bindings=[Binding(_ORDERS, servicer)],
        subscriptions=Subscribers(worker.wake).subscriptions(),
        background=[worker.run],
        looks=[overdue.measure],
    )


if __name__ == "__main__":
    service.main(
        "orders",
        OrdersSettings,
        build,
        metadata_module="comptoir_orders.tables",
        migrations_package="comptoir_orders",
    )
