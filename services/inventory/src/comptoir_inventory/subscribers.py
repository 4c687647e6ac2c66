"""Neighbours' events: a message in, one call."""

from __future__ import annotations

from datetime import UTC

from comptoir.customers.v1 import events_pb2 as customers_pb2
from comptoir.orders.v1 import events_pb2 as orders_pb2
from comptoir.orders.v1 import order_pb2
from comptoir_inventory.domain.stock import Quantity
from comptoir_inventory.operations import reservations
from comptoir_inventory.operations.board import Board
from comptoir_runtime import auth
from comptoir_runtime.bus import Subscription
from comptoir_runtime.database import Session

# Who moves stock when goods leave with an order, as its token would say.
ORDERS = "orders"


class Subscribers:
    """What this service wants to know of its neighbours."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def subscriptions(self) -> list[Subscription]:
        """Handlers by producer."""
        return [
            Subscription("customers", {customers_pb2.SigningKeyState: self.signing_key_state}),
            Subscription(
                "orders",
                {
                    orders_pb2.OrderPlaced: self.order_placed,
                    orders_pb2.FulfilmentShipped: self.goods_left,
                    orders_pb2.FulfilmentHandedOver: self.goods_left,
                },
            ),
        ]

    async def signing_key_state(
        self, session: Session, event: customers_pb2.SigningKeyState
    ) -> None:
        """Trusts the tokens a key signs until it is retired."""
        retired = event.HasField("retire_time")
        expires = event.retire_time.ToDatetime(tzinfo=UTC) if retired else None
        await auth.remember_key(session, event.kid, event.jwk, expires)

    async def order_placed(self, session: Session, event: orders_pb2.OrderPlaced) -> None:
        """Keeps the order's stock for it without end; a till's goods have left already."""
        await reservations.keep_for_order(session, self._board, event.reservation_id)

    async def goods_left(
        self,
        session: Session,
        event: orders_pb2.FulfilmentShipped | orders_pb2.FulfilmentHandedOver,
    ) -> None:
        """Takes the fulfilment's goods off what is on hand; a counter's left at the sale."""
        fulfilment = event.fulfilment
        if fulfilment.mode == order_pb2.Fulfilment.MODE_COUNTER:
            return
        lines = [
            Quantity(line.sku, fulfilment.location, line.quantity) for line in fulfilment.lines
        ]
        await reservations.consume_reservation(
            session, self._board, event.reservation_id, lines, fulfilment.id, ORDERS
        )
