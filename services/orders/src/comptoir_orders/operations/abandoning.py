"""Calling off an order that is not placed yet, because its payer has not paid."""

from dataclasses import replace

from comptoir_orders import errors
from comptoir_orders.domain import assembly, schedule
from comptoir_orders.domain.orders import Order, OrderState
from comptoir_orders.domain.placement import Outcome, State, step
from comptoir_orders.domain.processes import Kind, PlacementData
from comptoir_orders.operations.access import require_access
from comptoir_orders.operations.driving import Runner
from comptoir_orders.store import processes
from comptoir_orders.store.processes import Process
from comptoir_runtime.auth import Principal
from comptoir_runtime.database import Session, Transactions


async def abandon_placement(
    transactions: Transactions,
    runner: Runner,
    principal: Principal,
    absent: errors.OrderNotFound,
    *,
    order_id: str,
    reason: str,
    permissions: tuple[str, ...],
    patience: float,
) -> Order:
    """Undoes a placement that waits for its payer; answers what would have been the order.

    Raises `absent` when nothing waits under this id, `CancellationUnderWay` when it is being
    driven or a neighbour does not answer.
    """
    async with transactions() as session:
        placement = await processes.by_order(session, order_id, Kind.PLACEMENT)
        if placement is None:
            raise absent
        owners = (placement.caller, placement.document.customer)
        require_access(principal, owners, permissions, absent)
        waits = placement.state == State.ACTION_REQUIRED
        if waits:
            placement = await _take(session, runner, placement, reason)
        elif placement.state == State.FAILED:
            raise absent
    if waits:
        runner.start(placement)
        placement = await runner.settled(placement.id, Kind.PLACEMENT, patience)
    if placement.state != State.CANCELLED:
        raise errors.CancellationUnderWay("the order is being placed", retry_after=schedule.SOON)
    return _never_placed(placement)


async def _take(session: Session, runner: Runner, placement: Process, reason: str) -> Process:
    after = replace(
        placement,
        state=step(State(placement.state), Outcome.ABANDONED),
        document=replace(placement.document, abandoned=reason),
    )
    try:
        return await processes.take(session, placement, after, runner.lease())
    except errors.Overtaken:
        raise errors.CancellationUnderWay(
            "the payment is just being settled", retry_after=schedule.SOON
        ) from None


def _never_placed(placement: Process) -> Order:
    data: PlacementData = placement.document
    assert data.quote is not None, "kept when a placement is called off"
    order = assembly.order(
        order_id=placement.order,
        number="",
        quote=data.quote,
        parcels=(),
        payments=(data.payment,),
        reservation=data.reservation,
        staff=data.intent.staff,
        placement=placement.id,
        now=placement.created_at,
    )
    return replace(order, state=OrderState.CANCELLED, cancel_reason=data.abandoned or "")
