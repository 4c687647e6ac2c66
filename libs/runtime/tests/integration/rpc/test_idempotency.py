import asyncio
from typing import Any

import grpc
import pytest

from comptoir_runtime import idempotency
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.demo import Note, PutNoteRequest
from comptoir_testing.tokens import TokenFactory
from libs.runtime.tests.integration.rpc.notes import Running, bearer


async def put(running: Running, token: str, request: Any) -> tuple[bytes, bool]:
    """The answer as it came, and whether it was a stored one."""
    calling = running.unary("PutNote")(
        request.SerializeToString(), metadata=bearer(token), timeout=3
    )
    answer: bytes = await calling
    return answer, idempotency.REPLAYED in tuple(await calling.trailing_metadata())


class TestRepeating:
    async def test_is_answered_byte_for_byte_and_has_one_effect(
        self, running: Running, tokens: TokenFactory
    ) -> None:
        token, request = tokens.visitor(), PutNoteRequest(request_id="r1", text="a")
        first = await put(running, token, request)
        second = await put(running, token, request)
        assert first == (Note(number=1, text="a").SerializeToString(), False)
        assert second == (first[0], True)
        assert (await running.notes(), await running.events()) == (1, 1)

    async def test_is_answered_even_when_the_operation_would_now_refuse(
        self, running: Running, tokens: TokenFactory
    ) -> None:
        token, request = tokens.visitor(), PutNoteRequest(request_id="r1", text="only once")
        first, _ = await put(running, token, request)
        assert await put(running, token, request) == (first, True)
        assert await running.notes() == 1

    async def test_with_another_body_is_refused(
        self, running: Running, tokens: TokenFactory
    ) -> None:
        token = tokens.visitor()
        await put(running, token, PutNoteRequest(request_id="r1", text="a"))
        with pytest.raises(RemoteFailure) as caught:
            await running.client.call(
                "PutNote", PutNoteRequest(request_id="r1", text="b"), metadata=bearer(token)
            )
        assert caught.value.reason == "IDEMPOTENCY_KEY_REUSED"
        assert caught.value.status is grpc.StatusCode.ALREADY_EXISTS
        assert (await running.notes(), await running.events()) == (1, 1)

    async def test_another_caller_never_gets_the_answer(
        self, running: Running, tokens: TokenFactory
    ) -> None:
        request = PutNoteRequest(request_id="r1", text="a")
        await put(running, tokens.visitor("vis_1"), request)
        answer, replayed = await put(running, tokens.visitor("vis_2"), request)
        assert not replayed
        assert Note.FromString(answer).text == "a"
        assert await running.notes() == 2

    async def test_without_a_request_id_has_two_effects(
        self, running: Running, tokens: TokenFactory
    ) -> None:
        token, request = tokens.visitor(), PutNoteRequest(text="a")
        await put(running, token, request)
        assert (await put(running, token, request))[1] is False
        assert await running.notes() == 2
        assert await running.answers() == 0

    async def test_a_refusal_is_not_kept_and_may_be_tried_again(
        self, running: Running, tokens: TokenFactory
    ) -> None:
        token = tokens.visitor()
        for _ in range(2):
            with pytest.raises(RemoteFailure, match="no more notes"):
                await running.client.call(
                    "PutNote",
                    PutNoteRequest(request_id="r1", text="refused"),
                    metadata=bearer(token),
                )
        assert await running.answers() == 0
        answer, replayed = await put(running, token, PutNoteRequest(request_id="r1", text="fine"))
        assert not replayed
        assert Note.FromString(answer).text == "fine"

    async def test_at_the_same_time_has_one_effect(
        self, running: Running, tokens: TokenFactory
    ) -> None:
        token, request = tokens.visitor(), PutNoteRequest(request_id="r1", text="a")
        answers = await asyncio.gather(*(put(running, token, request) for _ in range(8)))
        assert len({answer for answer, _ in answers}) == 1
        assert sorted(replayed for _, replayed in answers) == [False] + [True] * 7
        assert (await running.notes(), await running.events()) == (1, 1)


class TestPurge:
    async def test_forgets_what_is_older_only(self, running: Running, tokens: TokenFactory) -> None:
        token = tokens.visitor()
        await put(running, token, PutNoteRequest(request_id="r1", text="a"))
        async with running.database.transactions.reading() as session:
            between = await session.fetchval("SELECT created_at FROM idempotency")
        await put(running, token, PutNoteRequest(request_id="r2", text="b"))
        async with running.database.transactions() as session:
            assert await idempotency.purge(session, between) is False
        assert await running.answers() == 2
        async with running.database.transactions() as session:
            late = await session.fetchval("SELECT max(created_at) FROM idempotency")
            await idempotency.purge(session, late)
            kept = await session.fetchval("SELECT string_agg(key, ',') FROM idempotency")
        assert kept == "r2"
