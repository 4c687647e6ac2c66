"""Just enough HTTP/2 to call one gRPC procedure over and over, for next to no processor.

What grpc.aio spends on a call is as much as the server does, and on two cores whatever the
callers burn the platform cannot have. So headers are written once, and then named by their place in
the server's table, as any client of gRPC does; answers are read as far as their status.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import cast

import grpc

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_FRAME_HEAD = 9
_LARGEST_WINDOW = 2**31 - 1
# No table for the server's headers, answers of any number and size; and that binary headers need
# no disguise, which is gRPC's own setting.
_WISHES = {1: 0, 4: _LARGEST_WINDOW, 0xFE03: 1}
# By their place in HTTP/2's own table: `POST` and `http`, then names that are literally given.
_POST_BY_HTTP = b"\x83\x86"
_NAMES = {":path": 4, ":authority": 1, "content-type": 31, "authorization": 23}
_FIRST_OF_OURS = 62
_STATUS, _DETAILS = b"grpc-status", b"grpc-status-details-bin"
_STATUSES: Mapping[bytes, str] = {
    str(code.value[0]).encode(): code.name for code in grpc.StatusCode
}


class Refused(Exception):
    """An answer other than OK; `details` are the bytes of its `google.rpc.Status`, if any."""

    def __init__(self, status: str, details: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.details = details


class Line(asyncio.Protocol):
    """One connection. Calls may be under way at the same time."""

    def __init__(self, authority: str, path: str, metadata: Mapping[str, str]) -> None:
        fields = {
            ":path": path,
            ":authority": authority,
            "content-type": "application/grpc",
            "te": "trailers",
            **metadata,
        }
        self._first = _POST_BY_HTTP + b"".join(map(_kept, fields, fields.values()))
        places = range(_FIRST_OF_OURS + len(fields) - 1, _FIRST_OF_OURS - 1, -1)
        self._again = _POST_BY_HTTP + bytes(0x80 | place for place in places)
        self._headers = self._first
        self._transport: asyncio.Transport
        self._next = 1
        self._answers: dict[int, asyncio.Future[None]] = {}
        self._outcomes: dict[bytes, Refused | None] = {}
        self._unread = b""
        self._waiting: list[bytes] = []
        self._taken = 0
        self.leaving = False
        """Whether the server wants new calls on another connection."""

    async def call(self, body: bytes) -> None:
        """Waits for the answer; raises `Refused`, or ConnectionError when there is none."""
        number, self._next = self._next, self._next + 2
        loop = asyncio.get_running_loop()
        answer = self._answers[number] = loop.create_future()
        message = b"\0" + len(body).to_bytes(4, "big") + body
        if not self._waiting:
            loop.call_soon(self._flush)
        self._waiting += (
            _frame(_HEADERS, _END_HEADERS, number, self._headers),
            _frame(_DATA, _END_STREAM, number, message),
        )
        self._headers = self._again
        await answer

    def close(self) -> None:
        """Hangs up."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        wishes = b"".join(
            number.to_bytes(2, "big") + value.to_bytes(4, "big")
            for number, value in _WISHES.items()
        )
        more = (_LARGEST_WINDOW - 65_535).to_bytes(4, "big")
        self._transport.write(
            _PREFACE + _frame(_SETTINGS, 0, 0, wishes) + _frame(_WINDOW_UPDATE, 0, 0, more)
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self.leaving = True
        for answer in self._answers.values():
            answer.set_exception(ConnectionError("the server has hung up"))
        self._answers.clear()

    def data_received(self, data: bytes) -> None:
        data = self._unread + data
        at = 0
        while len(data) - at >= _FRAME_HEAD:
            end = at + _FRAME_HEAD + int.from_bytes(data[at : at + 3], "big")
            if end > len(data):
                break
            number = int.from_bytes(data[at + 5 : at + _FRAME_HEAD], "big")
            self._take(data[at + 3], data[at + 4], number, data[at + _FRAME_HEAD : end])
            at = end
        self._unread = data[at:]

    def _take(self, kind: int, flags: int, number: int, content: bytes) -> None:
        if kind == _HEADERS and flags & _END_STREAM:
            self._settle(number, content)
        elif kind == _DATA:
            self._make_room(len(content))
        elif kind in (_SETTINGS, _PING) and not flags & _ACK:
            self._transport.write(_frame(kind, _ACK, 0, content if kind == _PING else b""))
        elif kind == _GOAWAY:
            self.leaving = True
        elif kind == _RESET:
            answer = self._answers.pop(number, None)
            if answer is not None:
                answer.set_exception(ConnectionError("the call was cut off"))

    def _make_room(self, taken: int) -> None:
        self._taken += taken
        if self._taken > _LARGEST_WINDOW // 2:
            self._transport.write(_frame(_WINDOW_UPDATE, 0, 0, self._taken.to_bytes(4, "big")))
            self._taken = 0

    def _settle(self, number: int, trailers: bytes) -> None:
        """The same refusal comes in the same bytes: they are read once."""
        if trailers not in self._outcomes:
            self._outcomes[trailers] = _outcome(trailers)
        refused, answer = self._outcomes[trailers], self._answers.pop(number)
        if refused is None:
            answer.set_result(None)
        else:
            answer.set_exception(Refused(refused.status, refused.details))

    def _flush(self) -> None:
        self._transport.write(b"".join(self._waiting))
        self._waiting.clear()


class Lines:
    """Calls of one procedure, on a connection that is replaced when the server asks for it."""

    def __init__(self, address: str, path: str, metadata: Mapping[str, str]) -> None:
        self._address = address
        self._make: Callable[[], Line] = lambda: Line(address, path, metadata)
        self._line: Line | None = None
        self._opening = asyncio.Lock()

    async def call(self, body: bytes) -> None:
        """As `Line.call`."""
        line = self._line
        if line is None or line.leaving:
            line = await self.connected()
        await line.call(body)

    async def connected(self) -> Line:
        """A connection that takes calls."""
        async with self._opening:
            if self._line is None or self._line.leaving:
                host, _, port = self._address.rpartition(":")
                loop = asyncio.get_running_loop()
                _, self._line = await loop.create_connection(self._make, host, int(port))
            return self._line

    def close(self) -> None:
        """Hangs up."""
        if self._line is not None:
            self._line.close()


def _frame(kind: int, flags: int, number: int, content: bytes) -> bytes:
    head = len(content).to_bytes(3, "big") + bytes((kind, flags)) + number.to_bytes(4, "big")
    return head + content


def _kept(name: str, value: str) -> bytes:
    """A header that the server is to keep in its table."""
    place = _NAMES.get(name)
    head = b"\x40" + _text(name) if place is None else bytes([0x40 | place])
    return head + _text(value)


def _text(text: str) -> bytes:
    raw = text.encode()
    return _length(len(raw)) + raw


def _length(number: int) -> bytes:
    """A number whose first byte has seven bits for it (RFC 7541, 5.1)."""
    if number < 0x7F:
        return bytes([number])
    number -= 0x7F
    written = [0x7F]
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


def _outcome(trailers: bytes) -> Refused | None:
    """What literal trailers say; the server has no table to refer to, and writes no Huffman."""
    status = _STATUSES.get(_value_of(_STATUS, trailers), "UNKNOWN")
    return None if status == "OK" else Refused(status, _value_of(_DETAILS, trailers)[1:])


def _value_of(name: bytes, trailers: bytes) -> bytes:
    at = trailers.find(bytes([len(name)]) + name)
    if at < 0:
        return b""
    at += 1 + len(name)
    length = trailers[at] & 0x7F
    at += 1
    if length == 0x7F:
        shift = 0
        while True:
            byte = trailers[at]
            length += (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
    return trailers[at : at + length]
