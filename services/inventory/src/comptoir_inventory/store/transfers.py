"""Goods on their way, in the database."""

from __future__ import annotations

from comptoir_inventory.domain.transfers import Transfer, TransferLine, TransferState
from comptoir_runtime.database import Row, Session, Where

_COLUMNS = "id, origin, destination, state, lines, reference, expected_at, sent_at, received_at"
INSERT = f"INSERT INTO transfer ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
LOCK = f"SELECT {_COLUMNS} FROM transfer WHERE id = $1 FOR UPDATE"
SAVE = "UPDATE transfer SET state = $2, lines = $3, received_at = $4 WHERE id = $1"


async def insert(session: Session, transfer: Transfer) -> None:
    """Stores a new transfer."""
    await session.execute(
        INSERT,
        transfer.id,
        transfer.origin,
        transfer.destination,
        int(transfer.state),
        _lines(transfer),
        transfer.reference,
        transfer.expected_at,
        transfer.sent_at,
        transfer.received_at,
    )


async def lock(session: Session, transfer: str) -> Transfer | None:
    """The transfer, kept from others until the transaction ends."""
    row = await session.fetchrow(LOCK, transfer)
    return None if row is None else _transfer(row)


async def save(session: Session, transfer: Transfer) -> None:
    """Stores what became of a locked transfer."""
    state = int(transfer.state)
    await session.execute(SAVE, transfer.id, state, _lines(transfer), transfer.received_at)


async def page(session: Session, state: int, before: str, size: int) -> list[Transfer]:
    """Transfers in a state (0: all), newest first, older than one when `before` names it."""
    where = Where()
    if state:
        where.add("state = {}", state)
    if before:
        where.add("id < {}", before)
    most = where.parameter(size)
    # Ids begin with the time they were made.
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM transfer {where} ORDER BY id DESC LIMIT {most}", *where.values
    )
    return [_transfer(row) for row in rows]


def _lines(transfer: Transfer) -> list[list[object]]:
    return [[line.sku, line.units, line.received] for line in transfer.lines]


def _transfer(row: Row) -> Transfer:
    return Transfer(
        row["id"],
        row["origin"],
        row["destination"],
        TransferState(row["state"]),
        tuple(TransferLine(*line) for line in row["lines"]),
        row["reference"],
        row["expected_at"],
        row["sent_at"],
        row["received_at"],
    )
