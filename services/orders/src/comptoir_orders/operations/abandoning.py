"""Calling off what is not placed yet, wherever it stands.

The word is written beside the driver, in one transaction with the request that brought it. From
then on the placement cannot be placed: its driver, or whoever takes over, gives everything back.
"""

from dataclasses import replace

from comptoir_orders import errors
from comptoir_orders.domain import assembly, schedule
from comptoir_orders.domain.orders import Order, OrderState
from comptoir_orders.domain.placement import State
from comptoir_orders.domain.processes import Kind, PlacementData
from comptoir_orders.operations.access import require_access
from comptoir_orders.operations.driving import Runner
from comptoir_orders.operations.reading import ASSIST
from comptoir_orders.store import bystanders, processes
from comptoir_orders.store.processes import Process
from comptoir_runtime import idempotency
from comptoir_runtime.auth import Principal
from comptoir_runtime.card_numbers import refuse_card_numbers
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.idempotency import RequestKey

WRITE_ORDERS = "orders.write"


async def cancel_placement(
    transactions: Transactions,
    runner: Runner,
    principal: Principal,
    asked: RequestKey,
    *,
    placement_id: str,
    reason: str,
    patience: float,
) -> Process:
    """Calls a placement off and waits until all is given back; answers how it stands then.

    It has ended cancelled, failed, or placed when the order stood first; or it still runs after
    `patience` seconds. Raises `PlacementNotFound` and `CardNumberRefused`.
    """
    refuse_card_numbers({"reason": reason})
    absent = errors.PlacementNotFound(
        "there is no such placement", metadata={"placement": placement_id}
    )

    async def call_off(session: Session) -> Process | None:
        placement = await processes.locked(session, placement_id, Kind.PLACEMENT)
        if placement is None:
            raise absent
        owners = (placement.caller, placement.document.customer)
        require_access(principal, owners, (WRITE_ORDERS, ASSIST), absent)
        return await _call_off(session, runner, placement, asked, reason)

    if await idempotency.recall(transactions, asked) is None:
        _start(runner, await transactions.run(call_off))
    return await runner.settled(placement_id, Kind.PLACEMENT, patience, ended=True)


async def abandon_order(
    transactions: Transactions,
    runner: Runner,
    principal: Principal,
    asked: RequestKey,
    absent: errors.OrderNotFound,
    *,
    order_id: str,
    reason: str,
    patience: float,
) -> Order | None:
    """The same by the order that would have come of it; answers that order, called off.

    None when it has been placed meanwhile. Raises `absent` when there is no such placement or it
    has failed, `CancellationUnderWay` when a neighbour does not answer.
    """

    async def call_off(session: Session) -> tuple[str, Process | None]:
        placement = await processes.locked_by_order(session, order_id, Kind.PLACEMENT)
        if placement is None:
            raise absent
        owners = (placement.caller, placement.document.customer)
        require_access(principal, owners, (WRITE_ORDERS,), absent)
        return placement.id, await _call_off(session, runner, placement, asked, reason)

    await idempotency.recall(transactions, asked)  # refuses another body under the same id
    placement_id, begun = await transactions.run(call_off)
    _start(runner, begun)
    settled = await runner.settled(placement_id, Kind.PLACEMENT, patience, ended=True)
    if settled.state == State.PLACED:
        return None
    if not settled.ended:
        raise errors.CancellationUnderWay("the order is being given up", retry_after=schedule.SOON)
    if settled.state == State.FAILED or settled.document.quote is None:
        raise absent
    return _never_placed(settled)


async def _call_off(
    session: Session, runner: Runner, placement: Process, asked: RequestKey, reason: str
) -> Process | None:
    """Answers the placement when it is to be driven here now."""
    if placement.ended or placement.called_off is not None:
        return None
    called_off = await bystanders.call_off(session, placement, reason, runner.lease())
    session.remember_answer(asked.scope, asked.caller, asked.key, asked.request_hash, b"")
    return None if placement.driven else called_off


def _start(runner: Runner, process: Process | None) -> None:
    if process is not None:
        runner.start(process)


def _never_placed(placement: Process) -> Order:
    data: PlacementData = placement.document
    assert data.quote is not None, "kept when a placement is called off"
    order = assembly.order(
        order_id=placement.order,
        number="",
        quote=data.quote,
        parcels=(),
        payments=tuple(tender.payment for tender in data.tenders if tender.payment),
        reservation=data.reservation,
        staff=data.intent.staff,
        placement=placement.id,
        now=placement.created_at,
    )
    return replace(order, state=OrderState.CANCELLED, cancel_reason=data.abandoned or "")
