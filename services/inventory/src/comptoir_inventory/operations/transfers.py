"""Goods on their way from one location to another: sent, then received."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from comptoir_inventory import errors
from comptoir_inventory.domain.selling import Source, Supply
from comptoir_inventory.domain.stock import Quantity, Reason
from comptoir_inventory.domain.transfers import Arrived, Transfer, TransferLine, TransferState
from comptoir_inventory.operations.board import Board
from comptoir_inventory.operations.locations import require_known
from comptoir_inventory.operations.selling import expect, terms_changed
from comptoir_inventory.operations.stock import bring_in, move, require_stocked, take_out
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
    await require_stocked(session, [line.sku for line in lines])
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
    await expect(
        session,
        board,
        [
            Supply(each.sku, destination, transfer.id, each.units, Source.TRANSFER, expected_at)
            for each in leaving
        ],
    )
    await take_out(session, board, leaving)
    gone = [Quantity(each.sku, origin, -each.units) for each in leaving]
    await move(session, gone, Reason.TRANSFER_OUT, transfer.id, actor)
    await store.insert(session, transfer)
    return transfer


async def receive_transfer(
    session: Session,
    board: Board,
    transfer_id: str,
    came: Sequence[Arrived],
    actor: str,
) -> Transfer:
    """Brings in what came of each sku, all that was sent when `came` is empty.

    What did not come is gone: it left the origin, and is expected no more.
    """
    transfer = await store.lock(session, transfer_id)
    if transfer is None:
        raise errors.TransferNotFound(transfer_id)
    if transfer.state is TransferState.RECEIVED:
        raise errors.TransferEnded(transfer_id)
    sent = {line.sku: line.units for line in transfer.lines}
    _each_sku_once([sku for sku, _ in came])
    for index, (sku, units) in enumerate(came):
        if units > sent.get(sku, 0):
            raise errors.invalid(f"lines[{index}]", f"{sent.get(sku, 0)} of {sku} were sent")
    arrived = transfer.arrived(dict(came) if came else None, session.clock.now())
    place = transfer.destination
    came_in = sorted(
        (Quantity(line.sku, place, line.received) for line in arrived.lines if line.received),
        key=_by_sku,
    )
    await terms_changed(session, board, sorted(sent))
    if came_in:
        await bring_in(session, board, came_in, "")
        await move(session, came_in, Reason.TRANSFER_IN, transfer.id, actor)
    expected = [Quantity(line.sku, place, line.units) for line in transfer.lines]
    await selling_store.arrived(session, transfer.id, expected)
    await store.save(session, arrived)
    return arrived


async def list_transfers(session: Session, state: int, before: str, size: int) -> list[Transfer]:
    """Transfers, newest first."""
    return await store.page(session, state, before, size)


def _require_sense(origin: str, destination: str, lines: Sequence[TransferLine]) -> None:
    if origin == destination:
        raise errors.invalid("destination", "must be another location than the origin")
    _each_sku_once([line.sku for line in lines])
    for index, line in enumerate(lines):
        if line.units < 1:
            raise errors.invalid(f"lines[{index}].quantity", "must be at least 1")


def _each_sku_once(skus: Sequence[str]) -> None:
    seen = set()
    for index, sku in enumerate(skus):
        if sku in seen:
            raise errors.invalid(f"lines[{index}].sku", f"{sku} was given before")
        seen.add(sku)


def _by_sku(each: Quantity) -> str:
    return each.sku
