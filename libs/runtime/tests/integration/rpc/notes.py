"""A service of notes: its procedures do whatever a test wants to happen."""

# ruff: noqa: N802 - procedures are named by the proto
import asyncio
from collections.abc import AsyncIterator
from typing import Any

from comptoir_runtime.channel import Client, open_channel
from comptoir_runtime.database import Database
from comptoir_runtime.errors import FailedPrecondition
from comptoir_runtime.rpc import Call, process, query, step, stream, upload
from comptoir_runtime.server import Server
from comptoir_testing.demo import DEMO, Note, NotePut

PUT = "INSERT INTO note (text) VALUES ($1) RETURNING number"
COUNT = "SELECT count(*) FROM note"


class TooManyNotes(FailedPrecondition):
    pass


class Demo:
    """Notes, and whatever a test wants to happen: the text of the request says which."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.released = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.calls: list[Call] = []
        self.neighbour: Client | None = None

    @step
    async def PutNote(self, request: Any, call: Call) -> Any:
        number = await call.session.fetchval(PUT, request.text)
        call.session.emit(NotePut(note_id=str(number)))
        if request.text == "refused":
            raise TooManyNotes("no more notes", metadata={"limit": "1"})
        if request.text == "only once" and number > 1:
            raise TooManyNotes("there is one already")
        if request.text == "calls":
            assert self.neighbour is not None
            await self.neighbour.call("GetNote", request)
        if request.text == "waits":
            self.started.set()
            await self._released()
        return Note(number=number, text=request.text)

    @query
    async def GetNote(self, request: Any, call: Call) -> Any:
        self.calls.append(call)
        if request.text == "broken":
            raise RuntimeError("the password is hunter2")
        if request.text == "slow statement":
            await call.session.fetchval("SELECT pg_sleep(10)")
        if request.text == "waits":
            self.started.set()
            await self._released()
        return Note(number=await call.session.fetchval(COUNT), text=call.locale)

    @process
    async def RunNote(self, request: Any, call: Call) -> Any:
        async with call.transactions() as session:
            number = await session.fetchval(PUT, request.text)
        return Note(number=number)

    @stream
    async def WatchNotes(self, request: Any, call: Call) -> AsyncIterator[Any]:
        yield Note(number=1)
        if request.text == "refused":
            raise TooManyNotes("no more notes")
        if request.text == "waits":
            self.started.set()
            await self._released()
        yield Note(number=2)

    @upload
    async def UploadNotes(self, requests: AsyncIterator[Any], call: Call) -> Any:
        texts = [request.text async for request in requests]
        return Note(number=len(texts), text=",".join(texts))

    async def _released(self) -> None:
        try:
            await self.released.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


class Running:
    """The service, and how to call it."""

    def __init__(self, demo: Demo, database: Database, server: Server, address: str) -> None:
        self.demo = demo
        self.database = database
        self.server = server
        self.address = address
        self.channel = open_channel(address, None, [DEMO])
        self.client = Client(self.channel, DEMO)

    def unary(self, name: str) -> Any:
        """A call of a procedure by name, bytes both ways, with nothing added."""
        return self.channel.unary_unary(f"/{DEMO.full_name}/{name}")

    async def notes(self) -> int:
        async with self.database.transactions.reading() as session:
            return int(await session.fetchval(COUNT))

    async def events(self) -> int:
        async with self.database.transactions.reading() as session:
            return int(await session.fetchval("SELECT count(*) FROM outbox"))

    async def answers(self) -> int:
        async with self.database.transactions.reading() as session:
            return int(await session.fetchval("SELECT count(*) FROM idempotency"))


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)
