"""The callers' HTTP/2, against what a gRPC server writes."""

import asyncio
from typing import Any

import pytest

from tests.load.http2 import Line, Refused

HEADERS, DATA = 1, 0
OK = b"\x20\x00\x0bgrpc-status\x010"
DETAILS = bytes(range(200))
OUT_OF_STOCK = (
    b"\x00\x0bgrpc-status\x019"
    # 201 bytes: those of the details, behind the NUL that marks them as binary.
    b"\x00\x17grpc-status-details-bin\x7f\x4a\x00" + DETAILS
)


class Server(asyncio.Transport):
    """What was sent to it; it answers with `say`."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line("shop:1", "/a.B/C", {"authorization": "Bearer t"})
        self.written: list[bytes] = []
        self.line.connection_made(self)

    def write(self, data: Any) -> None:
        self.written.append(data)

    def say(self, kind: int, flags: int, number: int, content: bytes = b"") -> None:
        self.line.data_received(frame(kind, flags, number, content))

    async def hears(self, *bodies: bytes) -> list[asyncio.Task[None]]:
        calls = [asyncio.create_task(self.line.call(body)) for body in bodies]
        for _ in range(3):
            await asyncio.sleep(0)
        return calls


def frame(kind: int, flags: int, number: int, content: bytes) -> bytes:
    head = len(content).to_bytes(3, "big") + bytes((kind, flags))
    return head + number.to_bytes(4, "big") + content


async def test_headers_are_written_once_and_calls_of_a_moment_together() -> None:
    server = Server()

    calls = await server.hears(b"one", b"two")

    first = b"\x83\x86\x44\x06/a.B/C\x41\x06shop:1\x5f\x10application/grpc\x40\x02te\x08trailers"
    first += b"\x57\x08Bearer t"
    again = b"\x83\x86\xc2\xc1\xc0\xbf\xbe"
    assert server.written[1:] == [
        frame(HEADERS, 4, 1, first)
        + frame(DATA, 1, 1, b"\0\0\0\0\x03one")
        + frame(HEADERS, 4, 3, again)
        + frame(DATA, 1, 3, b"\0\0\0\0\x03two")
    ]
    for call in calls:
        call.cancel()


async def test_answers_come_in_any_order_and_in_pieces() -> None:
    server = Server()
    first, second = await server.hears(b"one", b"two")

    whole = frame(HEADERS, 4, 3, b"\x88") + frame(DATA, 0, 3, b"x") + frame(HEADERS, 5, 3, OK)
    server.line.data_received(whole[:-3])
    await asyncio.sleep(0)
    assert not second.done()
    server.line.data_received(whole[-3:] + frame(HEADERS, 5, 1, OK))

    await asyncio.gather(first, second)


async def test_a_refusal_says_its_status_and_its_details() -> None:
    server = Server()
    [call] = await server.hears(b"one")

    server.say(HEADERS, 5, 1, OUT_OF_STOCK)

    with pytest.raises(Refused) as refused:
        await call
    assert (refused.value.status, refused.value.details) == ("FAILED_PRECONDITION", DETAILS)


async def test_pings_are_answered_and_a_server_that_leaves_is_left() -> None:
    server = Server()

    server.say(6, 0, 0, b"12345678")
    assert server.written[-1] == frame(6, 1, 0, b"12345678")
    assert not server.line.leaving
    server.say(7, 0, 0, bytes(8))
    assert server.line.leaving


async def test_a_call_without_an_answer_fails() -> None:
    server = Server()
    cut_off, lost = await server.hears(b"one", b"two")

    server.say(3, 0, 1, bytes(4))
    server.line.connection_lost(None)

    for call in (cut_off, lost):
        with pytest.raises(ConnectionError):
            await call
