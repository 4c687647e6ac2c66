import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
import pytest

from comptoir_runtime.channel import Metadata
from comptoir_runtime.errors import RemoteFailure, Violation, from_rpc_error
from comptoir_runtime.rpc import pipeline
from comptoir_testing.demo import GetNoteRequest, Line, Note, PutNoteRequest
from comptoir_testing.tokens import TokenFactory
from libs.runtime.tests.integration.rpc.notes import Running, bearer

PREFIX = "/comptoir.demo.v1.DemoService/"
MALFORMED = {
    "noise": b"\xff\xff\xff",
    "cut off": b"\x12\x7fabc",
    "not UTF-8": b"\x12\x02\xff\xfe",
    "half a surrogate pair": b"\x12\x03\xed\xa0\x80",
    "a varint without an end": b"\x08" + b"\xff" * 11,
    "no field": b"\x00\x00",
    "groups without an end": b"\x0b" * 10_000,
}


async def refusal_of(running: Running, name: str, request: Any, token: str = "") -> RemoteFailure:
    with pytest.raises(RemoteFailure) as caught:
        await running.client.call(name, request, metadata=bearer(token) if token else ())
    return caught.value


class TestAuthorisation:
    async def test_without_a_token_only_what_anyone_may_call_is_open(
        self, running: Running
    ) -> None:
        assert (await running.client.call("GetNote", GetNoteRequest())).number == 0
        refused = await refusal_of(running, "PutNote", PutNoteRequest())
        assert (refused.reason, refused.status) == (
            "UNAUTHENTICATED",
            grpc.StatusCode.UNAUTHENTICATED,
        )
        assert refused.domain == "comptoir.demo"
        assert await running.notes() == 0

    async def test_the_wrong_caller_is_refused_and_nothing_changes(
        self, running: Running, tokens: TokenFactory
    ) -> None:
        refused = await refusal_of(running, "PutNote", PutNoteRequest(), tokens.staff("note.run"))
        assert refused.reason == "PERMISSION_DENIED"
        assert await running.notes() == 0
        assert await running.events() == 0

    async def test_a_bad_token_is_refused_even_where_none_is_needed(self, running: Running) -> None:
        assert (await refusal_of(running, "GetNote", GetNoteRequest(), "x")).reason == (
            "UNAUTHENTICATED"
        )

    async def test_another_scheme_is_refused(self, running: Running) -> None:
        with pytest.raises(RemoteFailure, match="bearer"):
            await running.client.call(
                "GetNote", GetNoteRequest(), metadata=(("authorization", "Basic eDp5"),)
            )

    async def test_refusal_comes_before_the_request_is_read(self, running: Running) -> None:
        with pytest.raises(RemoteFailure) as caught:
            await running.client.raw("PutNote", b"\xff\xff\xff")
        assert caught.value.reason == "UNAUTHENTICATED"

    async def test_the_principal_reaches_the_method(
        self, running: Running, tokens: TokenFactory
    ) -> None:
        token = tokens.customer("cus_7", visitor="vis_7")
        await running.client.call(
            "GetNote",
            GetNoteRequest(),
            metadata=(*bearer(token), ("accept-language", "fr-CA;q=0.9, en")),
        )
        (call,) = running.demo.calls
        assert call.principal == tokens.principal_of(token)
        assert call.locale == "fr-CA"
        assert call.remaining is not None
        assert 0 < call.remaining < 3.1

    async def test_what_is_not_declared_does_not_exist(self, running: Running) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await running.unary("DropNotes")(b"")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


class TestValidation:
    async def test_violations_are_named_by_path(
        self, running: Running, tokens: TokenFactory
    ) -> None:
        request = PutNoteRequest(text="x" * 41, lines=[Line(quantity=1), Line(quantity=0)])
        refused = await refusal_of(running, "PutNote", request, tokens.visitor())
        assert (refused.reason, refused.status) == (
            "INVALID_FIELDS",
            grpc.StatusCode.INVALID_ARGUMENT,
        )
        assert refused.violations == (
            Violation("text", "must be at most 40 characters"),
            Violation("lines[1].quantity", "must be greater than or equal to 1"),
        )
        assert await running.notes() == 0

    @pytest.mark.parametrize(
        ("name", "request_class"),
        [("PutNote", PutNoteRequest), ("RunNote", PutNoteRequest), ("GetNote", GetNoteRequest)],
    )
    async def test_what_cannot_be_kept_is_named_before_anything_runs(
        self, running: Running, tokens: TokenFactory, name: str, request_class: Any
    ) -> None:
        token = tokens.service("till") if name == "PutNote" else tokens.staff("note.run")
        refused = await refusal_of(running, name, request_class(text="a\0b"), token)
        assert (refused.reason, refused.violations) == (
            "INVALID_FIELDS",
            (Violation("text", "holds a NUL character"),),
        )
        assert (await running.notes(), running.demo.calls) == (0, [])

    async def test_a_request_id_that_people_could_not_compare_is_refused(
        self, running: Running, tokens: TokenFactory
    ) -> None:
        request = PutNoteRequest(text="a", request_id="caf\u00e9")
        refused = await refusal_of(running, "PutNote", request, tokens.visitor())
        assert refused.violations == (
            Violation("request_id", "must be printable ASCII characters"),
        )
        assert (await running.notes(), await running.answers()) == (0, 0)

    @pytest.mark.parametrize("payload", MALFORMED.values(), ids=MALFORMED)
    async def test_62_bytes_that_are_no_message_are_refused(
        self, running: Running, tokens: TokenFactory, payload: bytes
    ) -> None:
        with pytest.raises(RemoteFailure) as caught:
            await running.client.raw("PutNote", payload, metadata=bearer(tokens.visitor()))
        assert caught.value.reason == "MALFORMED_REQUEST"
        assert caught.value.status is grpc.StatusCode.INVALID_ARGUMENT
        assert await running.notes() == 0

    @pytest.mark.parametrize(
        ("payload", "metadata"),
        [(b"\x0a\x80\x80\xc0\x02" + b"a" * 5 * 2**20, ()), (b"", (("x-long", "y" * 2**16),))],
        ids=["a message of 5 MB", "metadata of 64 KB"],
    )
    async def test_62_what_is_too_large_is_not_read(
        self, running: Running, payload: bytes, metadata: Metadata
    ) -> None:
        unlimited = [("grpc.max_send_message_length", -1)]
        async with grpc.aio.insecure_channel(running.address, options=unlimited) as channel:
            call: Any = channel.unary_unary(f"{PREFIX}GetNote")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(payload, metadata=metadata, timeout=30)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await running.client.call("GetNote", GetNoteRequest())).number == 0


class TestFailures:
    async def test_a_named_failure_keeps_reason_and_metadata_and_rolls_back(
        self, running: Running, tokens: TokenFactory
    ) -> None:
        request = PutNoteRequest(text="refused", request_id="r1")
        refused = await refusal_of(running, "PutNote", request, tokens.visitor())
        assert refused.reason == "TOO_MANY_NOTES"
        assert refused.metadata == {"limit": "1"}
        assert refused.message == "no more notes"
        assert await running.notes() == 0
        assert await running.events() == 0
        assert await running.answers() == 0

    async def test_an_unexpected_error_shows_only_a_log_id(
        self, running: Running, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.ERROR):
            refused = await refusal_of(running, "GetNote", GetNoteRequest(text="broken"))
        assert (refused.reason, refused.message) == ("INTERNAL", "internal error")
        assert refused.metadata["log_id"] == caplog.records[-1].__dict__["log_id"]

    async def test_a_network_call_inside_a_transaction_is_a_programming_error(
        self, running: Running, tokens: TokenFactory, caplog: pytest.LogCaptureFixture
    ) -> None:
        request = PutNoteRequest(text="calls")
        refused = await refusal_of(running, "PutNote", request, tokens.visitor())
        assert refused.reason == "INTERNAL"
        assert "NetworkCallInTransaction" in caplog.text
        assert await running.notes() == 0

    async def test_a_database_that_is_gone_is_unavailable(self, running: Running) -> None:
        await running.database.close()
        refused = await refusal_of(running, "GetNote", GetNoteRequest())
        assert refused.reason == "DATABASE_UNAVAILABLE"
        assert refused.status is grpc.StatusCode.UNAVAILABLE

    async def test_a_lock_held_by_somebody_else_is_a_lock_timeout(
        self, running: Running, tokens: TokenFactory
    ) -> None:
        somebody = await running.database.dedicated()
        await somebody.execute("BEGIN; LOCK TABLE note IN ACCESS EXCLUSIVE MODE")
        refused = await refusal_of(running, "PutNote", PutNoteRequest(), tokens.visitor())
        await somebody.close()
        assert (refused.reason, refused.status) == ("LOCK_TIMEOUT", grpc.StatusCode.ABORTED)
        assert await running.notes() == 0


class TestDeadline:
    async def test_the_work_ends_with_the_callers_patience_and_is_rolled_back(
        self, running: Running, tokens: TokenFactory
    ) -> None:
        with pytest.raises(RemoteFailure) as caught:
            await running.client.call(
                "PutNote",
                PutNoteRequest(text="waits", request_id="r1"),
                timeout=0.3,
                metadata=bearer(tokens.visitor()),
            )
        assert caught.value.reason == "DEADLINE_EXCEEDED"
        async with asyncio.timeout(30):
            await running.demo.cancelled.wait()
        assert await running.notes() == 0
        assert await running.answers() == 0

    @pytest.mark.parametrize("default_deadline", [0.2])
    async def test_a_call_without_a_deadline_gets_one(self, running: Running) -> None:
        calling = running.unary("GetNote")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await calling(GetNoteRequest(text="waits").SerializeToString())
        assert from_rpc_error(caught.value).reason == "DEADLINE_EXCEEDED"
        await running.demo.cancelled.wait()


class TestStream:
    async def test_answers_come_one_by_one(self, running: Running) -> None:
        stream = running.client.stream("WatchNotes", GetNoteRequest())
        assert [answer.number async for answer in stream] == [1, 2]

    async def test_a_refusal_ends_the_stream_with_its_reason(self, running: Running) -> None:
        stream = running.client.stream("WatchNotes", GetNoteRequest(text="refused"))
        assert (await anext(stream)).number == 1
        with pytest.raises(RemoteFailure) as caught:
            await anext(stream)
        assert caught.value.reason == "TOO_MANY_NOTES"

    async def test_a_listener_that_leaves_ends_the_work(self, running: Running) -> None:
        stream = running.client.stream("WatchNotes", GetNoteRequest(text="waits"))
        await anext(stream)
        await running.demo.started.wait()
        await stream.aclose()
        async with asyncio.timeout(30):
            await running.demo.cancelled.wait()


class TestUpload:
    async def _send(self, running: Running, token: str, *requests: Any) -> bytes:
        async def payloads() -> AsyncIterator[bytes]:
            for request in requests:
                yield request.SerializeToString()

        calling: Any = running.channel.stream_unary(PREFIX + "UploadNotes")
        answer: bytes = await calling(payloads(), metadata=bearer(token), timeout=30)
        return answer

    async def test_every_request_arrives(self, running: Running, tokens: TokenFactory) -> None:
        token = tokens.service("till")
        sent = (PutNoteRequest(text="a"), PutNoteRequest(text="b"))
        assert await self._send(running, token, *sent) == (
            Note(number=2, text="a,b").SerializeToString()
        )

    async def test_every_request_is_validated(self, running: Running, tokens: TokenFactory) -> None:
        token = tokens.service("till")
        sent = (PutNoteRequest(text="a"), PutNoteRequest(text="x" * 41))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self._send(running, token, *sent)
        assert from_rpc_error(caught.value).reason == "INVALID_FIELDS"

    async def test_the_wrong_caller_is_refused(
        self, running: Running, tokens: TokenFactory
    ) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self._send(running, tokens.visitor(), PutNoteRequest())
        assert from_rpc_error(caught.value).reason == "PERMISSION_DENIED"

    async def test_a_refusal_reaches_callers_who_are_still_sending(
        self, running: Running, tokens: TokenFactory
    ) -> None:
        sent = [PutNoteRequest(text="x" * 1_000_000)] * 16
        callers = (tokens.visitor(), tokens.service("till")) * 4  # not allowed; not valid
        refused = await asyncio.gather(
            *(self._send(running, token, *sent) for token in callers), return_exceptions=True
        )
        assert [from_rpc_error(error).reason for error in _failures(refused)] == (
            ["PERMISSION_DENIED", "INVALID_FIELDS"] * 4
        )

    async def test_who_neither_sends_nor_ends_hears_the_refusal_all_the_same(
        self, running: Running, tokens: TokenFactory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pipeline, "UPLOAD_PATIENCE_SECONDS", 0.1)
        calling: Any = running.channel.stream_unary(PREFIX + "UploadNotes")
        call = calling(metadata=bearer(tokens.visitor()), timeout=30)
        await call.write(PutNoteRequest(text="a").SerializeToString())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert from_rpc_error(caught.value).reason == "PERMISSION_DENIED"


def _failures(answers: Iterable[bytes | BaseException]) -> list[grpc.aio.AioRpcError]:
    return [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]


class TestProcess:
    async def test_runs_its_own_transactions(self, running: Running, tokens: TokenFactory) -> None:
        answer = await running.client.call(
            "RunNote", PutNoteRequest(text="x"), metadata=bearer(tokens.staff("note.run"))
        )
        assert answer == Note(number=1)
        assert await running.notes() == 1
