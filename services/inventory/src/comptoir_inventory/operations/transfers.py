"""Goods on their way from one location to another: sent, then received."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from comptoir_inventory import errors
from comptoir_inventory.domain.selling import Source, Supply
from comptoir_inventory.domain.stock import Quantity, Reason
from comptoir_inventory.domain.transfers import Transfer, TransferLine, TransferState
from comptoir_inventory.operations.board import Board
from comptoir_inventory.operations.locations import require_known
from comptoir_inventory.operations.selling import expect
from comptoir_inventory.operations.stock import bring_in, move, take_out
from comptoir_inventory.store import selling as selling_store
from comptoir_inventory.store import transfers as store
from comptoir_runtime.database import Session
from comptoir_runtime.ids import new_id


async def transfer_stock(
    session: Session,
    board: Board,
    origin: str,
    destination: str,
    lines: Sequence[TransferLine],
    reference: str,
    expected_at: datetime,
    actor: str,
) -> Transfer:
    """Sends goods: they leave at once, and are supply of the destination until they come."""
    _require_sense(origin, destination, lines)
    await require_known(session, {origin, destination})
    transfer = Transfer(
        new_id("trf"),
        origin,
        destination,
        TransferState.SENT,
        tuple(lines),
        reference,
        expected_at,
        session.clock.now(),
    )
    leaving = sorted((Quantity(line.sku, origin, line.units) for line in lines), key=_by_sku)
    await take_out(session, board, leaving)
    gone = [Quantity(each.sku, origin, -each.units) for each in leaving]
    await move(session, gone, Reason.TRANSFER_OUT, transfer.id, actor)
    await expect(
        session,
        board,
        [
            Supply(each.sku, destination, transfer.id, each.units, Source.TRANSFER, expected_at)
            for each in leaving
        ],
    )
    await store.insert(session, transfer)
    return transfer


async def receive_transfer(
    session: Session,
    board: Board,
    transfer_id: str,
    units: Mapping[str, int] | None,
    actor: str,
) -> Transfer:
    """Brings in what came of each sku, all that was sent when `units` is None.

    What did not come is gone: it left the origin, and is expected no more.
    """
    transfer = await store.lock(session, transfer_id)
    if transfer is None:
        raise errors.TransferNotFound(transfer_id)
    if transfer.state is TransferState.RECEIVED:
        raise errors.TransferEnded(transfer_id)
    sent = {line.sku: line.units for line in transfer.lines}
    for index, (sku, came) in enumerate((units or {}).items()):
        if came > sent.get(sku, 0):
            raise errors.invalid(f"lines[{index}]", f"{sent.get(sku, 0)} of {sku} were sent")
    arrived = transfer.arrived(units, session.clock.now())
    place = transfer.destination
    came_in = sorted(
        (Quantity(line.sku, place, line.received) for line in arrived.lines if line.received),
        key=_by_sku,
    )
    if came_in:
        await bring_in(session, board, came_in, "")
        await move(session, came_in, Reason.TRANSFER_IN, transfer.id, actor)
    expected = [Quantity(line.sku, place, line.units) for line in transfer.lines]
    await selling_store.arrived(session, transfer.id, expected)
    board.terms_changed(session, list(sent))
    await store.save(session, arrived)
    return arrived


async def list_transfers(session: Session, state: int, before: str, size: int) -> list[Transfer]:
    """Transfers, newest first."""
    return await store.page(session, state, before, size)


def _require_sense(origin: str, destination: str, lines: Sequence[TransferLine]) -> None:
    if origin == destination:
        raise errors.invalid("destination", "must be another location than the origin")
    seen = set()
    for index, line in enumerate(lines):
        if line.units < 1:
            raise errors.invalid(f"lines[{index}].quantity", "must be at least 1")
        if line.sku in seen:
            raise errors.invalid(f"lines[{index}].sku", f"{line.sku} was given before")
        seen.add(line.sku)


def _by_sku(each: Quantity) -> str:
    return each.sku
