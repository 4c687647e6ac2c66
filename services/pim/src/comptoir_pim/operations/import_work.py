"""Imports worked off in the background: read, written in batches, resumed after a crash.

Everything that tells how far an import is lies in the database and is written with the rows
themselves, so that whoever takes over goes on exactly where the last batch ended.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from comptoir_pim import events
from comptoir_pim.domain import structure_rows
from comptoir_pim.domain.columns import Columns, model_columns, product_columns
from comptoir_pim.domain.import_files import MODELS, STRUCTURE
from comptoir_pim.domain.products import Change, Problem
from comptoir_pim.domain.records import Record, RecordReader, Unreadable
from comptoir_pim.domain.structure import Category, Roles, Structure
from comptoir_pim.operations.categories import save_categories
from comptoir_pim.operations.products import Outcome, change_models, change_products
from comptoir_pim.operations.publications import Catalogue, refresh_outdated
from comptoir_pim.store import imports as store
from comptoir_pim.store.imports import Counts, File, LeaseLost, RowError
from comptoir_pim.store.structure import Structures, lock_structure, write_structure
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.ids import new_id

MAX_ATTEMPTS = 5
IDLE_SECONDS = 2.0
ABANDONED_AFTER = timedelta(hours=1)
REFRESH_BATCH = 100
# Other calls get their turn after so many rows.
ROWS_BETWEEN_TURNS = 40

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Worker:
    """Works off imports one after the other; one of several processes at a time."""

    transactions: Transactions
    structures: Structures
    roles: Roles
    batch_rows: int
    lease: timedelta
    pause: timedelta = timedelta(seconds=1)
    """After a failure, before the next attempt."""
    owner: str = field(default_factory=lambda: new_id("wrk"))
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """There is work."""
        self._woken.set()

    async def run(self) -> None:
        """Works for ever."""
        while True:
            self._woken.clear()
            if not await self.work_once():
                try:
                    await asyncio.wait_for(self._woken.wait(), IDLE_SECONDS)
                except TimeoutError:
                    pass

    async def work_once(self) -> bool:
        """Finishes the oldest open import, or shows some products anew; False when idle."""
        import_id = await self.transactions.run(self._claim)
        if import_id is None:
            return await self.transactions.run(self._refresh)
        try:
            await self._import(import_id)
        except LeaseLost:
            _log.warning("another process has taken over import %s", import_id)
        except Exception:  # noqa: BLE001 - whatever it was, the import must go on or end
            _log.exception("import %s stopped; it will go on where it was", import_id)
            await self._pause(import_id)
        return True

    async def _claim(self, session: Session) -> str | None:
        import_id = await store.claim_import(session, self.owner, self.lease)
        await store.drop_abandoned(session, session.clock.now() - ABANDONED_AFTER)
        return import_id

    async def _refresh(self, session: Session) -> bool:
        catalogue = await self.catalogue(session)
        return await refresh_outdated(session, catalogue, REFRESH_BATCH)

    async def _pause(self, import_id: str) -> None:
        async def note(session: Session) -> None:
            attempts = await store.note_attempt(session, import_id, self.owner, self.pause)
            if attempts >= MAX_ATTEMPTS:
                await store.end_import(session, import_id, self.owner, store.FAILED)

        await self.transactions.run(note)
        await asyncio.sleep(self.pause.total_seconds())

    async def catalogue(self, session: Session) -> Catalogue:
        """What it takes to change and show products, as it is now."""
        return Catalogue(await self.structures.current(session), self.roles)

    async def _import(self, import_id: str) -> None:
        for file in await self._files(import_id):
            if not file.row_count:
                await self._if_readable(import_id, file, self._count)
        for file in await self._files(import_id):
            await self._if_readable(import_id, file, self._file)

        async def end(session: Session) -> None:
            failed = await store.all_unreadable(session, import_id)
            state = store.FAILED if failed else store.FINISHED
            await store.end_import(session, import_id, self.owner, state)
            ended = await store.get_import(session, import_id)
            assert ended is not None
            session.emit(events.import_finished(ended))

        await self.transactions.run(end)

    async def _files(self, import_id: str) -> list[File]:
        """The files that are not done."""
        async with self.transactions.reading() as session:
            found = await store.get_import(session, import_id)
        return [file for file in found.files if not file.done] if found is not None else []

    async def _if_readable(
        self, import_id: str, file: File, work: Callable[[str, File], Awaitable[None]]
    ) -> None:
        """Does the work, or notes that the file cannot be read."""
        try:
            await work(import_id, file)
        except Unreadable as error:
            problem = (error.line, [Problem("", "", f"the file {error.reason}")])

            async def give_up(session: Session) -> None:
                await self.note(session, import_id, file, [problem], Counts(), 0, 0, done=True)

            await self.transactions.run(give_up)

    async def _count(self, import_id: str, file: File) -> None:
        """Reads a file once, so that progress has an end and a broken file has no effect."""
        count = -1
        async for _ in self.records(import_id, file):
            count += 1
        if count < 0:
            raise Unreadable(1, "is empty")

        async def note(session: Session) -> None:
            await store.note_progress(
                session, import_id, file.ordinal, rows=count, read=0, errors=0, done=False
            )
            await store.keep_lease(session, import_id, self.owner, self.lease, Counts())

        await self.transactions.run(note)

    async def _file(self, import_id: str, file: File) -> None:
        if file.name in STRUCTURE:
            await self._structure_file(import_id, file)
        else:
            await _RowsOfFile(self, import_id, file).work()

    async def _structure_file(self, import_id: str, file: File) -> None:
        """A file that describes products: read whole, written in one transaction."""
        records = [record async for record in self.records(import_id, file)]
        headers, rows = records[0].cells, records[1:]

        async def write(session: Session) -> None:
            await lock_structure(session)
            before = await self.structures.current(session)
            plan = structure_rows.plan(file.name, headers, rows, before)
            changed = list(plan.changed.values())
            if file.name == "categories.csv":
                categories = [each for each in changed if isinstance(each, Category)]
                await save_categories(session, before, categories)
            else:
                await write_structure(session, changed, shown=plan.updated > 0)
            counts = Counts(plan.created, plan.updated, plan.unchanged)
            problems = [(line, [problem]) for line, problem in plan.problems]
            refused = len(rows) - counts.created - counts.updated - counts.unchanged
            await self.note(
                session, import_id, file, problems, counts, len(rows), refused, done=True
            )

        await self.transactions.run(write)

    async def records(self, import_id: str, file: File) -> AsyncIterator[Record]:
        """The rows of a file, the header first; raises `Unreadable`."""
        reader = RecordReader()
        number = 0
        while True:
            async with self.transactions.reading() as session:
                piece = await store.get_piece(session, import_id, file.ordinal, number)
            for record in reader.finish() if piece is None else reader.feed(piece):
                yield record
            if piece is None:
                return
            number += 1

    async def note(
        self,
        session: Session,
        import_id: str,
        file: File,
        problems: Sequence[tuple[int, Sequence[Problem]]],
        counts: Counts,
        rows: int,
        refused: int,
        *,
        done: bool,
        read: int | None = None,
    ) -> None:
        """Writes how far the file is, and what is wrong with its rows, by line."""
        errors, numbers = [], dict.fromkeys((line for line, _ in problems), 0)
        for line, found in problems:
            for problem in found:
                severity = store.WARNING if problem.warning else store.ERROR
                numbers[line] += 1
                errors.append(
                    RowError(
                        file.ordinal,
                        line,
                        numbers[line],
                        problem.column,
                        problem.shown,
                        problem.reason,
                        severity,
                    )
                )
        await store.add_errors(session, import_id, file.ordinal, errors)
        await store.note_progress(
            session,
            import_id,
            file.ordinal,
            rows=rows,
            read=rows if read is None else read,
            errors=refused,
            done=done,
        )
        await store.keep_lease(session, import_id, self.owner, self.lease, counts)


class _RowsOfFile:
    """A file of products or models: read in pieces, written in batches."""

    def __init__(self, worker: Worker, import_id: str, file: File) -> None:
        self._worker = worker
        self._import_id = import_id
        self._file = file
        self._headers: list[str] = []
        self._read = file.read_count
        self._columns: Columns | None = None
        self._revision = -1
        self._seen: dict[str, int] = {}

    async def work(self) -> None:
        """Writes all rows that are not written yet."""
        batch: list[Record] = []
        skipped = 0
        async for record in self._ordered():
            if skipped < self._file.read_count:
                skipped += 1
                self._note_key(record)
                continue
            batch.append(record)
            if len(batch) == self._worker.batch_rows:
                await self._write(batch)
                batch = []
        await self._write(batch, done=True)

    async def _ordered(self) -> AsyncIterator[Record]:
        """The rows in the order they are written: a model before those below it."""
        records = self._worker.records(self._import_id, self._file)
        self._headers = (await anext(records)).cells
        if self._file.name != MODELS or "parent" not in self._headers:
            async for record in records:
                yield record
            return
        place = self._headers.index("parent")
        every = [record async for record in records]
        for record in sorted(
            every, key=lambda each: len(each.cells) > place and each.cells[place] != ""
        ):
            yield record

    def _note_key(self, record: Record) -> None:
        key = "code" if self._file.name == MODELS else "sku"
        place = self._headers.index(key) if key in self._headers else 0
        if place < len(record.cells):
            self._seen.setdefault(record.cells[place], record.line)

    async def _write(self, batch: Sequence[Record], *, done: bool = False) -> None:
        async def body(session: Session) -> dict[str, int]:
            catalogue = await self._worker.catalogue(session)
            columns = self._columns_for(catalogue.structure)
            changes, problems, seen = await self._changes(columns, batch)
            outcomes = await self._apply(session, catalogue, [change for _, change in changes])
            for (line, _), outcome in zip(changes, outcomes, strict=True):
                if outcome.problems:
                    problems[line] = [*problems.get(line, ()), *outcome.problems]
            await self._note(session, columns, batch, problems, outcomes, done)
            return seen

        self._seen.update(await self._worker.transactions.run(body))
        self._read += len(batch)

    def _columns_for(self, structure: Structure) -> Columns:
        if self._columns is None or structure.revision != self._revision:
            make = model_columns if self._file.name == MODELS else product_columns
            self._columns, self._revision = make(self._headers, structure), structure.revision
            if self._columns.key not in self._headers:
                raise Unreadable(1, f"has no column {self._columns.key}")
        return self._columns

    async def _changes(
        self, columns: Columns, batch: Sequence[Record]
    ) -> tuple[list[tuple[int, Change]], dict[int, list[Problem]], dict[str, int]]:
        """What the rows say by line, what is wrong with them, and the line of each key."""
        changes: list[tuple[int, Change]] = []
        problems: dict[int, list[Problem]] = {}
        seen: dict[str, int] = {}
        for number, record in enumerate(batch):
            if number % ROWS_BETWEEN_TURNS == 0:
                await asyncio.sleep(0)
            change, found = columns.read(record)
            earlier = self._seen.get(change.key) or seen.get(change.key)
            if change.key and earlier is not None:
                reason = f"{change.key} is in line {earlier} already"
                found.append(Problem(columns.key, change.key, reason))
            elif change.key:
                seen[change.key] = record.line
            if found:
                problems[record.line] = found
            if all(problem.warning for problem in found):
                changes.append((record.line, change))
        return changes, problems, seen

    async def _apply(
        self, session: Session, catalogue: Catalogue, changes: Sequence[Change]
    ) -> list[Outcome]:
        if self._file.name == MODELS:
            return await change_models(session, catalogue, changes)
        return await change_products(session, catalogue, changes)

    async def _note(
        self,
        session: Session,
        columns: Columns,
        batch: Sequence[Record],
        problems: dict[int, list[Problem]],
        outcomes: Sequence[Outcome],
        done: bool,
    ) -> None:
        taken = [outcome for outcome in outcomes if not outcome.refused]
        created = sum(outcome.created for outcome in taken)
        updated = sum(outcome.changed for outcome in taken) - created
        counts = Counts(created, updated, len(taken) - created - updated)
        if self._read == 0:
            problems.setdefault(1, []).extend(columns.problems)
        await self._worker.note(
            session,
            self._import_id,
            self._file,
            sorted(problems.items()),
            counts,
            self._file.row_count,
            len(batch) - len(taken),
            done=done,
            read=self._read + len(batch),
        )
