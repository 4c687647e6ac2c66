"""Taking over figures of another system, piece by piece."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from comptoir_inventory import errors
from comptoir_inventory.domain.imports import (
    File,
    Mode,
    Outcome,
    Piece,
    Rejected,
    difference,
    objection,
)
from comptoir_inventory.domain.stock import Place, Quantity, Reason, moved
from comptoir_inventory.operations.board import Board
from comptoir_inventory.operations.stock import move, places_of
from comptoir_inventory.store import imports as store
from comptoir_inventory.store import stock as stock_store
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.ids import new_id


async def import_stock(
    transactions: Transactions, board: Board, pieces: AsyncIterator[Piece], actor: str
) -> Outcome:
    """Takes over a file; each piece is a transaction of its own.

    A line that cannot be true is rejected, the others count; so is a second line of a place,
    however far behind the first. A file that broke off is sent again whole: places it has told
    of before are skipped. Raises `StaleImport` when a newer
    file of the source has begun.
    """
    file: File | None = None
    attempt, outcome, number = new_id("imp"), Outcome(), 0
    async for piece in pieces:
        if piece.file is not None:
            file = replace(piece.file, attempt=attempt)
        if file is None:
            raise errors.invalid("header", "the first message says which file it is")
        numbered = list(enumerate(piece.lines, number + 1))
        number += len(numbered)
        if numbered:
            await _take_over_piece(transactions, board, file, numbered, outcome, actor)
    return outcome


async def _take_over_piece(
    transactions: Transactions,
    board: Board,
    file: File,
    lines: Sequence[tuple[int, Quantity]],
    outcome: Outcome,
    actor: str,
) -> None:
    async def body(session: Session) -> tuple[int, int, list[Rejected]]:
        return await _take_over(session, board, file, lines, actor)

    applied, skipped, rejected = await transactions.run(body)
    outcome.applied += applied
    outcome.skipped += skipped
    outcome.reject(rejected)


async def _take_over(
    session: Session,
    board: Board,
    file: File,
    lines: Sequence[tuple[int, Quantity]],
    actor: str,
) -> tuple[int, int, list[Rejected]]:
    """Lines applied, lines skipped, and those rejected with their reasons."""
    newest = await store.begin(session, file.source, file.sequence)
    if newest > file.sequence:
        raise errors.StaleImport(file.source, file.sequence, newest)
    known = await store.known(session, sorted({line.location for _, line in lines}))
    places = [place for place in places_of(line for _, line in lines) if place[1] in known]
    await stock_store.make(session, places)
    present = await stock_store.lock(session, places)
    wanted: dict[Place, Quantity] = {}
    rejected = []
    for number, line in lines:
        reason = objection(file.mode, line, present, wanted)
        if reason:
            rejected.append((number, line, reason))
        else:
            wanted[line.sku, line.location] = line
    places = sorted(wanted)
    new = await store.take_over(session, file.source, file.sequence, file.attempt, places)
    old = [place for place in places if place not in new]
    twice = await store.told(session, file.source, file.attempt, old) if old else set()
    rejected += [
        (number, line, "DUPLICATE_LINE")
        for number, line in lines
        if (line.sku, line.location) in twice and line is wanted[line.sku, line.location]
    ]
    differences = [
        Quantity(*place, units)
        for place in sorted(new)
        if (units := difference(file.mode, wanted[place], present[place]))
    ]
    changes = [moved(each) for each in differences]
    board.changed(session, await stock_store.change(session, changes))
    why = Reason.COUNT if file.mode is Mode.ABSOLUTE else Reason.CORRECTION
    await move(session, differences, why, f"{file.source}/{file.sequence}", actor)
    return len(new), len(old) - len(twice), sorted(rejected, key=_by_number)


def _by_number(rejected: Rejected) -> int:
    return rejected[0]
