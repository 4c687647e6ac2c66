"""What orders need of others, named by need, and how it is asked for."""

from comptoir_orders.clients.carts import Carts, GrpcCarts
from comptoir_orders.clients.payments import GrpcPayments, Payments, PaymentStatus, PaymentView
from comptoir_orders.clients.stock import GrpcStock, Place, Stock

__all__ = [
    "Carts",
    "GrpcCarts",
    "GrpcPayments",
    "GrpcStock",
    "PaymentStatus",
    "PaymentView",
    "Payments",
    "Place",
    "Stock",
]
