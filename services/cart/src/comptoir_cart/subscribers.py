"""Neighbours' events: a message in, one call."""

from datetime import UTC

from comptoir.customers.v1 import events_pb2 as customers_pb2
from comptoir.orders.v1 import events_pb2 as orders_pb2
from comptoir.pim.v1 import events_pb2 as pim_pb2
from comptoir_cart.operations import checkouts, projections
from comptoir_runtime import auth
from comptoir_runtime.bus import Subscription
from comptoir_runtime.database import Session


class Subscribers:
    """What this service wants to know of its neighbours."""

    def subscriptions(self) -> list[Subscription]:
        return [
            Subscription("pim", {pim_pb2.ProductState: self.product_state}),
            Subscription(
                "customers",
                {
                    customers_pb2.SigningKeyState: self.signing_key_state,
                    customers_pb2.CustomerState: self.customer_state,
                },
            ),
            Subscription("orders", {orders_pb2.OrderPlaced: self.order_placed}),
        ]

    async def product_state(self, session: Session, event: pim_pb2.ProductState) -> None:
        product = event.product
        if event.withdrawn:
            await projections.forget_product(session, event.product_id, event.sku, event.version)
            return
        await projections.learn_product(
            session,
            event.product_id,
            event.sku,
            names=dict(product.name.texts),
            tax_class=product.tax_class,
            channels=product.channels,
            version=event.version,
        )

    async def customer_state(self, session: Session, event: customers_pb2.CustomerState) -> None:
        await projections.learn_customer(session, event.customer_id, event.group, event.version)

    async def signing_key_state(
        self, session: Session, event: customers_pb2.SigningKeyState
    ) -> None:
        ends = event.HasField("retire_time")
        expires = event.retire_time.ToDatetime(tzinfo=UTC) if ends else None
        await auth.remember_key(session, event.kid, event.jwk, expires)

    async def order_placed(self, session: Session, event: orders_pb2.OrderPlaced) -> None:
        if event.order.cart:  # a till sale has none
            await checkouts.complete_cart(
                session, event.order.cart, event.placement_id, event.order_id
            )
