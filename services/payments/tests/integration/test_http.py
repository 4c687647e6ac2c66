"""Calls to a provider whose server behaves, and to servers that do not."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from comptoir_payments.providers.contract import Broken, TimedOut, Unreachable
from comptoir_payments.providers.http import HttpClient
from comptoir_runtime import deadline
from comptoir_runtime.errors import NetworkCallInTransaction
from comptoir_runtime.guard import inside_transaction

CHUNKED = b"HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Server:
    """Answers every request with the next of `answers`; None hangs up."""

    def __init__(self, *answers: bytes | None, pause: float = 0) -> None:
        self.answers = list(answers)
        self.pause = pause
        self.requests: list[bytes] = []
        self.connections = 0
        self.answered = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.answers:
                head = await reader.readuntil(b"\r\n\r\n")
                _, _, told = head.lower().partition(b"content-length: ")
                length = int(told.split(b"\r\n")[0] or 0)
                self.requests.append(head + await reader.readexactly(length))
                await asyncio.sleep(self.pause)
                answer = self.answers.pop(0)
                if answer is None:
                    return
                writer.write(answer)
                self.answered.set()
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def client_of(server: Server, patience: float = 2.0) -> AsyncIterator[HttpClient]:
    running = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = running.sockets[0].getsockname()[1]
    client = HttpClient(f"http://127.0.0.1:{port}/api", patience)
    keeping = asyncio.ensure_future(client.keep())
    await asyncio.sleep(0)
    try:
        yield client
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        running.close()
        await running.wait_closed()


class TestRequests:
    async def test_a_connection_is_used_again(self) -> None:
        server = Server(OK, OK, OK)
        async with client_of(server) as client:
            for _ in range(3):
                assert (await client.get("/a")).body == b"{}"
        assert server.connections == 1
        assert server.requests[0].lower().startswith(b"get /api/a http/1.1\r\nhost: 127.0.0.1:")

    async def test_the_body_and_its_headers_are_sent(self) -> None:
        server = Server(OK)
        async with client_of(server) as client:
            await client.post("/a", b'{"amount":1}', {"idempotency-key": "pop_1"})
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        assert body == b'{"amount":1}'
        assert b"\r\nidempotency-key: pop_1" in head
        assert b"\r\ncontent-length: 12\r\n" in head.lower() + b"\r\n"

    async def test_calls_at_once_have_a_connection_each(self) -> None:
        server = Server(*[OK] * 5, pause=0.05)
        async with client_of(server) as client:
            answers = await asyncio.gather(*(client.get("/") for _ in range(5)))
        assert [each.status for each in answers] == [200] * 5
        assert server.connections == 5

    @pytest.mark.parametrize(
        "answer",
        [
            CHUNKED,
            b"HTTP/1.1 201 Created\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
        ],
        ids=["chunked", "closing"],
    )
    async def test_answers_of_every_length_are_read(self, answer: bytes) -> None:
        server = Server(answer, OK)
        async with client_of(server) as client:
            assert (await client.get("/")).body == b"{}"
            assert (await client.get("/")).status == 200

    @pytest.mark.parametrize("url", ["ftp://psp", "psp:80", "http://", ""])
    def test_an_address_that_is_none_is_refused(self, url: str) -> None:
        with pytest.raises(ValueError, match="http or https"):
            HttpClient(url, 1)


class TestFailures:
    async def test_nobody_there(self, unused_tcp_port: int) -> None:
        client = HttpClient(f"http://127.0.0.1:{unused_tcp_port}", 1)
        with pytest.raises(Unreachable):
            await client.get("/")
        await client.close()

    async def test_nobody_opens(self) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
            place = server.getsockname()
            # Those that wait to be let in: from now on the machine answers nobody else.
            waiting = [socket.create_connection(place)]
            client = HttpClient(f"http://127.0.0.1:{place[1]}", 0.2)
            with pytest.raises(Unreachable):
                await client.post("/", b"{}", {})
            await client.close()
            for each in waiting:
                each.close()

    async def test_no_time_left_to_ask(self) -> None:
        server = Server(OK)
        async with client_of(server) as client:
            deadline.begin(0.2)
            with pytest.raises(Unreachable):
                await client.post("/", b"{}", {})
        assert server.requests == []

    async def test_what_may_have_arrived_is_not_sent_again(self) -> None:
        server = Server(OK, None, OK)
        async with client_of(server) as client:
            await client.post("/", b"1", {})
            with pytest.raises(Broken):
                await client.post("/", b"2", {})
        assert [each[-1:] for each in server.requests] == [b"1", b"2"]

    async def test_what_nobody_asked_for_is_never_taken_for_an_answer(self) -> None:
        server = Server(OK + OK, OK)
        async with client_of(server) as client:
            for _ in range(2):
                assert (await client.post("/", b"1", {})).body == b"{}"
        assert server.connections == 2

    async def test_no_answer_in_time(self) -> None:
        server = Server(OK, pause=5)
        async with client_of(server, patience=1) as client:
            with pytest.raises(TimedOut):
                await client.get("/")

    async def test_a_late_answer_is_never_taken_for_that_of_the_next_call(self) -> None:
        late = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate"
        server = Server(late, OK, pause=1)
        async with client_of(server, patience=0.5) as client:
            while not server.requests:
                with pytest.raises((TimedOut, Unreachable)):
                    await client.get("/")
            server.pause = 0
            await server.answered.wait()
            assert (await client.get("/")).body == b"{}"

    @pytest.mark.parametrize(
        "answer",
        [
            None,
            b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{}",
            b"SSH-2.0-OpenSSH\r\n\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n" + b" " * 1_500_000,
        ],
        ids=["hangs up", "half", "not HTTP", "too long"],
    )
    async def test_an_answer_that_breaks_off(self, answer: bytes | None) -> None:
        server = Server(answer, None)
        if answer is not None and b"99" in answer:
            server.answers = [answer]
        async with client_of(server) as client:
            with pytest.raises(Broken):
                await client.get("/")

    async def test_no_call_inside_a_transaction(self) -> None:
        server = Server(OK)
        async with client_of(server) as client:
            with inside_transaction(), pytest.raises(NetworkCallInTransaction):
                await client.get("/")
        assert server.requests == []
