import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest
from google.protobuf.message import Message

from comptoir_runtime.errors import Failure, IdempotencyKeyReused
from comptoir_runtime.idempotency import RequestKey
from comptoir_runtime.rpc.batches import Answered, Batch, Gathering, Later, Outcome
from comptoir_testing.demo import Note, PutNoteRequest
from libs.runtime.tests.integration.rpc.notes import PUT, Running, TooManyNotes


class Notes:
    """Puts notes in batches; the texts say what is to happen."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.prepared = 0
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def put(self, requests: Sequence[Any], batch: Batch) -> list[Outcome]:
        texts = [request.text for request in requests]
        self.batches.append(texts)
        self.begun.set()
        await self.gate.wait()
        return [await self._put(text, batch) for text in texts]

    async def _put(self, text: str, batch: Batch) -> Outcome:
        if text == "refused":
            return TooManyNotes("no more notes")
        if text == "later" and not batch.waits:
            return Later(self.prepare)
        if text == "broken":
            await batch.session.fetchval("SELECT 1 / 0")
        note: Message = Note(number=await batch.session.fetchval(PUT, text), text=text)
        return note

    async def prepare(self) -> None:
        self.prepared += 1


def key(name: str, content: str = "") -> RequestKey:
    return RequestKey("demo/PutNote", "vis_1", name, content.encode())


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def gathering(notes: Notes, running: Running) -> Gathering:
    return Gathering(notes.put, running.database.transactions)


async def put(gathering: Gathering, text: str, known_as: RequestKey | None = None) -> str:
    """What became of a call: the text of its note, or the name of what it raised."""
    call: Any = None
    try:
        answered = await gathering.answer(PutNoteRequest(text=text), call, known_as)
    except (Failure, asyncpg.PostgresError) as error:
        return type(error).__name__
    shown: str = Note.FromString(answered.body).text
    return f"{shown} again" if answered.replayed else shown


async def put_at_once(gathering: Gathering, *texts: str) -> list[str]:
    return await asyncio.gather(*(put(gathering, text, key(text)) for text in texts))


class TestGathering:
    async def test_a_call_that_meets_nobody_is_carried_out_alone(
        self, gathering: Gathering, notes: Notes, running: Running
    ) -> None:
        assert await put(gathering, "a") == "a"
        assert await put(gathering, "b") == "b"
        assert notes.batches == [["a"], ["b"]]
        assert await running.notes() == 2

    async def test_calls_that_come_during_a_batch_are_the_next_one(
        self, gathering: Gathering, notes: Notes
    ) -> None:
        notes.gate.clear()
        first = asyncio.create_task(put(gathering, "a"))
        await notes.begun.wait()
        rest = [asyncio.create_task(put(gathering, text)) for text in ("b", "c", "d")]
        await asyncio.sleep(0)
        notes.gate.set()
        assert await asyncio.gather(first, *rest) == ["a", "b", "c", "d"]
        assert notes.batches == [["a"], ["b", "c", "d"]]

    async def test_each_caller_gets_its_own_answer_or_refusal(
        self, gathering: Gathering, notes: Notes, running: Running
    ) -> None:
        outcomes = await put_at_once(gathering, "a", "refused", "b")
        assert outcomes == ["a", "TooManyNotes", "b"]
        assert (len(notes.batches), await running.notes(), await running.answers()) == (1, 2, 2)

    async def test_what_breaks_for_one_does_not_fail_the_others(
        self, gathering: Gathering, running: Running
    ) -> None:
        outcomes = await put_at_once(gathering, "a", "broken", "b")
        assert outcomes == ["a", "DivisionByZeroError", "b"]
        assert (await running.notes(), await running.answers()) == (2, 2)

    async def test_who_must_wait_is_carried_out_later_after_what_has_to_be_done_first(
        self, gathering: Gathering, notes: Notes
    ) -> None:
        outcomes = await put_at_once(gathering, "later", "a")
        assert outcomes == ["later", "a"]
        assert (notes.batches, notes.prepared) == ([["later", "a"], ["later"]], 1)

    async def test_a_caller_that_has_gone_is_not_carried_out(
        self, gathering: Gathering, notes: Notes
    ) -> None:
        notes.gate.clear()
        first = asyncio.create_task(put(gathering, "a"))
        await notes.begun.wait()
        gone = asyncio.create_task(put(gathering, "b"))
        await asyncio.sleep(0)
        gone.cancel()
        notes.gate.set()
        assert await first == "a"
        assert await put(gathering, "c") == "c"
        assert notes.batches == [["a"], ["c"]]


class TestRepeating:
    async def test_a_repeated_call_among_others_is_answered_as_before(
        self, gathering: Gathering, running: Running
    ) -> None:
        await put(gathering, "a", key("a"))
        assert await put_at_once(gathering, "b", "a", "c") == ["b", "a again", "c"]
        assert (await running.notes(), await running.answers()) == (3, 3)

    async def test_the_same_call_twice_at_once_has_one_effect(
        self, gathering: Gathering, running: Running
    ) -> None:
        assert await put_at_once(gathering, "a", "a", "b") == ["a", "a again", "b"]
        assert (await running.notes(), await running.answers()) == (2, 2)

    async def test_another_body_under_the_same_id_is_refused_alone(
        self, gathering: Gathering, running: Running
    ) -> None:
        await put(gathering, "a", key("1", "a"))
        outcomes = await asyncio.gather(
            put(gathering, "b", key("1", "b")), put(gathering, "c", key("2"))
        )
        assert list(outcomes) == [IdempotencyKeyReused.__name__, "c"]
        assert (await running.notes(), await running.answers()) == (2, 2)

    async def test_what_would_now_be_refused_is_answered_as_before(
        self, gathering: Gathering, running: Running
    ) -> None:
        await put(gathering, "a", key("1"))
        assert await put(gathering, "refused", key("1")) == "a again"
        assert await running.notes() == 1

    async def test_bytes_are_the_same(self, gathering: Gathering) -> None:
        call: Any = None
        request = PutNoteRequest(text="a")
        first = await gathering.answer(request, call, key("1"))
        second = await gathering.answer(request, call, key("1"))
        assert second == Answered(first.body, replayed=True)
