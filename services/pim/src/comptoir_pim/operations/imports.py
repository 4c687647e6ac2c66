"""Imports as callers see them: files in, progress and errors out."""

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import NamedTuple

from comptoir_pim.domain.import_files import NAMES, Piece, ordinal_of
from comptoir_pim.errors import EmptyImport, ImportNotFound, UnknownImportFile
from comptoir_pim.store import imports as store
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.errors import Violation
from comptoir_runtime.ids import new_id

PIECE_BYTES = 256 * 1024


class Position(NamedTuple):
    """Where an error stands in its list."""

    file: int
    line: int
    number: int


_FIRST = Position(-1, 0, 0)


async def start_import(
    session: Session, files: Sequence[Piece], wake: Callable[[], None]
) -> store.Import:
    """Keeps whole files and queues them; raises `UnknownImportFile`."""
    ordinals = [_ordinal(file.name, f"files[{index}].name") for index, file in enumerate(files)]
    if len(set(ordinals)) < len(ordinals):
        raise _refused("files", "a file is there twice")
    import_id = new_id("imp")
    await store.create_import(session, import_id, receiving=False)
    for ordinal, file in zip(ordinals, files, strict=True):
        await store.add_file(session, import_id, ordinal, file.name)
        for piece, start in enumerate(range(0, len(file.content), PIECE_BYTES)):
            content = file.content[start : start + PIECE_BYTES]
            await store.add_piece(session, import_id, ordinal, piece, content)
    session.after_commit(wake)
    return await get_import(session, import_id)


async def upload_import(
    transactions: Transactions, pieces: AsyncIterator[Piece], wake: Callable[[], None]
) -> store.Import:
    """Keeps pieces as they arrive, and queues the import once all are there.

    An upload that breaks off is forgotten after a while.
    """
    import_id = new_id("imp")
    seen: list[str] = []
    number = 0
    async for piece in pieces:
        new = not seen or piece.name != seen[-1]
        ordinal = _ordinal(piece.name, "name")
        if new and piece.name in seen:
            raise _refused("name", f"the pieces of {piece.name} do not follow each other")
        number = 0 if new else number + 1
        await transactions.run(partial(_keep, import_id, ordinal, number, piece, first=not seen))
        if new:
            seen.append(piece.name)
    if not seen:
        raise EmptyImport("no file has arrived")

    async def queue(session: Session) -> store.Import:
        await store.queue_import(session, import_id)
        session.after_commit(wake)
        return await get_import(session, import_id)

    return await transactions.run(queue)


async def _keep(
    import_id: str, ordinal: int, number: int, piece: Piece, session: Session, *, first: bool
) -> None:
    if first:
        await store.create_import(session, import_id, receiving=True)
    if number == 0:
        await store.add_file(session, import_id, ordinal, piece.name)
    await store.add_piece(session, import_id, ordinal, number, piece.content)


async def get_import(session: Session, import_id: str) -> store.Import:
    """An import as far as it is; raises `ImportNotFound`."""
    found = await store.get_import(session, import_id)
    if found is None:
        raise ImportNotFound(f"there is no import {import_id}", metadata={"import": import_id})
    return found


async def list_import_errors(
    session: Session, import_id: str, after: Position | None, limit: int
) -> list[store.RowError]:
    """What is wrong with rows after a position, by file and line; raises `ImportNotFound`."""
    await get_import(session, import_id)
    return await store.list_errors(session, import_id, after or _FIRST, limit)


def position(error: store.RowError) -> Position:
    """Where it stands in its list."""
    return Position(error.ordinal, error.line, error.number)


def _ordinal(name: str, field: str) -> int:
    ordinal = ordinal_of(name)
    if ordinal is None:
        raise _refused(field, f"{name} is none of {', '.join(NAMES)}")
    return ordinal


def _refused(field: str, reason: str) -> UnknownImportFile:
    return UnknownImportFile(reason, violations=[Violation(field, reason)])
