"""An append-only file of JSON lines that is on the disk before anything is acknowledged.

Concurrent appends share one write and one fdatasync (group commit): while a batch is on its way to
the disk, later appends fill the next one. The disk work runs in one thread of its own, so that a
slow disk never stops the event loop.
"""

import asyncio
import fcntl
import os
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import orjson

from comptoir_psp_sandbox.errors import JournalUnavailable


class CorruptJournal(Exception):
    """A line in the middle of the file is not what was written: refuse to guess."""


class _Batch:
    """Lines that reach the disk together; `written` resolves once they are there."""

    __slots__ = ("last", "lines", "written")

    def __init__(self, written: asyncio.Future[None]) -> None:
        self.lines: list[bytes] = []
        self.last = 0
        self.written = written


class Journal:
    """Entries are numbered from 1 without gaps; `last` is the newest number given out."""

    def __init__(self, path: Path) -> None:
        self.last = 0
        self._durable = 0
        self._failed = False
        self._offsets = array("q", [0])
        self._filling: _Batch | None = None
        self._flying: _Batch | None = None
        self._descriptor = _open_exclusively(path)
        self._queue: SimpleQueue[_Batch | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer = threading.Thread(target=self._write_batches, name="journal", daemon=True)

    def recover(self) -> Iterator[dict[str, Any]]:
        """Every entry in order. A last line cut short was never acknowledged: it goes."""
        size = 0
        with open(self._descriptor, "rb", closefd=False) as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                entry = _decode(line, self.last + 1)
                size += len(line)
                self.last += 1
                self._offsets.append(size)
                yield entry
        os.ftruncate(self._descriptor, size)
        os.fdatasync(self._descriptor)
        self._durable = self.last

    def start(self) -> None:
        """Accepts appends from here on; call it inside the event loop, after `recover`."""
        self._loop = asyncio.get_running_loop()
        self._writer.start()

    def append(self, entry: dict[str, Any]) -> int:
        """Gives the entry its number and queues it; `durable(number)` tells when it is kept."""
        if self._failed or self._loop is None:
            raise JournalUnavailable("the journal cannot be written")
        self.last += 1
        line = orjson.dumps({"seq": self.last, **entry}, option=orjson.OPT_APPEND_NEWLINE)
        self._offsets.append(self._offsets[-1] + len(line))
        batch = self._filling
        if batch is None:
            batch = self._filling = _Batch(self._loop.create_future())
            if self._flying is None:
                # Not at once: whatever this turn of the loop still appends joins the batch.
                self._loop.call_soon(self._send_batch)
        batch.lines.append(line)
        batch.last = self.last
        return self.last

    async def durable(self, number: int) -> None:
        """Returns once entry `number`, and all before it, survive a crash of the machine."""
        while number > self._durable:
            if self._failed:
                raise JournalUnavailable("the journal cannot be written")
            batch = self._flying
            if batch is None or number > batch.last:
                batch = self._filling
            assert batch is not None  # a number above `_durable` is in one of the two
            await asyncio.shield(batch.written)
        if self._failed:
            raise JournalUnavailable("the journal cannot be written")

    def page(self, after: int, limit: int) -> tuple[list[bytes], int]:
        """At most `limit` durable lines after entry `after`, and the newest durable number."""
        first = min(after, self._durable)
        last = min(first + limit, self._durable)
        start, end = self._offsets[first], self._offsets[last]
        return os.pread(self._descriptor, end - start, start).splitlines(), self._durable

    async def close(self) -> None:
        """Waits for what was appended, then lets go of the file."""
        if self._loop is not None:
            if not self._failed:
                await self.durable(self.last)
            self._queue.put(None)
            self._writer.join()
        self.release()

    def release(self) -> None:
        """Lets go of a file that was only read."""
        os.close(self._descriptor)

    def _send_batch(self) -> None:
        self._flying, self._filling = self._filling, None
        if self._flying is not None:
            self._queue.put(self._flying)

    def _batch_written(self, batch: _Batch, error: OSError | None) -> None:
        if error is None:
            self._durable = batch.last
        else:
            # After a failed sync the kernel may have dropped the pages: what is on the disk is
            # unknown, so nothing more is promised until a restart reads it back.
            self._failed = True
        batch.written.set_result(None)
        self._send_batch()

    def _write_batches(self) -> None:
        assert self._loop is not None  # set by `start`, which starts this thread
        failure: OSError | None = None
        while (batch := self._queue.get()) is not None:
            if failure is None:
                try:
                    _write_all(self._descriptor, b"".join(batch.lines))
                    os.fdatasync(self._descriptor)
                except OSError as error:
                    failure = error
            self._loop.call_soon_threadsafe(self._batch_written, batch, failure)


def _open_exclusively(path: Path) -> int:
    """Opens or creates the file; a second process on the same journal is an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # The new file's name must survive a crash too.
        os.fsync(folder)
    finally:
        os.close(folder)
    return descriptor


def _decode(line: bytes, expected: int) -> dict[str, Any]:
    try:
        entry: dict[str, Any] = orjson.loads(line)
        found = entry["seq"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise CorruptJournal(f"line {expected} is not a journal entry") from error
    if found != expected:
        raise CorruptJournal(f"line {expected} bears number {found}")
    return entry


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
