"""Reading orders, placements and fulfilments."""

from collections.abc import Sequence
from dataclasses import replace

from comptoir_orders import errors
from comptoir_orders.domain.numbers import canonical
from comptoir_orders.domain.orders import Order
from comptoir_orders.domain.processes import Kind
from comptoir_orders.operations.access import require_access
from comptoir_orders.store import fulfilments as fulfilment_store
from comptoir_orders.store import orders as order_store
from comptoir_orders.store import processes
from comptoir_orders.store.processes import Process
from comptoir_runtime.auth import Kind as CallerKind
from comptoir_runtime.auth import Principal
from comptoir_runtime.database import Session
from comptoir_runtime.paging import Moment

READ_ORDERS = "orders.read"
ASSIST = "carts.assist"


async def get_placement(
    session: Session, principal: Principal | None, placement_id: str
) -> Process:
    """How a placement stands, for who began it or whose cart it was."""
    absent = errors.PlacementNotFound(
        "there is no such placement", metadata={"placement": placement_id}
    )
    placement = await processes.by_id(session, placement_id, Kind.PLACEMENT)
    if placement is None:
        raise absent
    owners = (placement.caller, placement.document.customer)
    require_access(principal, owners, (READ_ORDERS, ASSIST), absent)
    return placement


async def get_order(session: Session, principal: Principal | None, id_or_number: str) -> Order:
    """An order by its id, or by its number as somebody may have typed it."""
    absent = errors.OrderNotFound("there is no such order", metadata={"order": id_or_number})
    number = canonical(id_or_number)
    order = await (
        order_store.by_id(session, id_or_number)
        if number is None
        else order_store.by_number(session, number)
    )
    if order is None:
        raise absent
    require_access(principal, (order.customer,), (READ_ORDERS,), absent)
    return order


async def list_orders(
    session: Session,
    principal: Principal | None,
    customer: str,
    wanted: order_store.Filter,
    size: int,
    after: Moment | None,
) -> Sequence[Order]:
    """Orders after a position, newest first. Customers see their own, staff all."""
    wanted = replace(wanted, customers=_customers(principal, customer))
    return await order_store.page(session, wanted, size, after)


async def list_fulfilments(
    session: Session, wanted: fulfilment_store.Filter, size: int, after: Moment | None
) -> Sequence[fulfilment_store.Listed]:
    """Fulfilments after a position, oldest first."""
    return await fulfilment_store.page(session, wanted, size, after)


def position(listed: fulfilment_store.Listed) -> Moment:
    """Where a fulfilment stands in its list."""
    return Moment(listed.created_at, listed.fulfilment.id)


def _customers(principal: Principal | None, customer: str) -> tuple[str, ...] | None:
    if principal is not None and principal.kind in (CallerKind.STAFF, CallerKind.CLIENT):
        return (customer,) if customer else None
    ids = [] if principal is None else [principal.subject, principal.visitor]
    own = tuple(each for each in ids if each)
    if customer and customer not in own:
        raise errors.CustomerFilterNotAllowed("only staff list the orders of others")
    return (customer,) if customer else own
