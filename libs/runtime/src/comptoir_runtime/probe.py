"""Whether the service of this container is ready: exit code 0, or 1 when it is not.

`python -m comptoir_runtime.probe` asks the address in `HEALTH_LISTEN` or else in `LISTEN`: by gRPC
health, or with GET of the path it is given. Where the service tells its health to nobody without a
certificate, its own is shown. It is started every few seconds for as long as the container lives,
so it speaks both protocols by hand: importing a client for either costs ten times the rest.
"""

import os
import socket
import struct
import sys
from collections.abc import Iterator

_SECONDS = 2.0
_FILES = ("CERTIFICATE", "KEY", "CA")
_BYTES = 65_536

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS = 0, 1, 4
_END_STREAM, _END_HEADERS = 1, 4
_FRAME = struct.Struct(">HBBBL")
"""Length, whose first byte comes apart, type, flags, stream."""
_CHECK = b"/grpc.health.v1.Health/Check"
# HPACK without compression. Entries of its static table: POST, http, :path, :authority,
# content-type; `te` is not among them.
_CALL = b"".join(
    (
        b"\x83\x86",
        b"\x04" + bytes([len(_CHECK)]) + _CHECK,
        b"\x01\x09localhost",
        b"\x0f\x10\x10application/grpc",
        b"\x00\x02te\x08trailers",
    )
)
# A message of gRPC is a flag, its length and its bytes. The question, about the whole server, has
# none; the answer's only field is the status, and 1 is SERVING.
_QUESTION = bytes(5)
_SERVING = b"\x00\x00\x00\x00\x02\x08\x01"


def serves(port: int) -> bool:
    """Whether the gRPC service at this port says that it is ready."""
    question = (
        _PREFACE
        + _frame(_SETTINGS, 0, 0, b"")
        + _frame(_HEADERS, _END_HEADERS, 1, _CALL)
        + _frame(_DATA, _END_STREAM, 1, _QUESTION)
    )
    data = b""
    for kind, flags, stream, payload in _frames(_received(port, question)):
        if stream == 1 and kind == _DATA:
            data += payload
        if data == _SERVING or (stream == 1 and flags & _END_STREAM):
            break
    return data == _SERVING


def answers(port: int, path: str) -> bool:
    """Whether GET of the path at this port answers with a status below 300."""
    question = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    beginning = b""
    for part in _received(port, question.encode()):
        beginning += part
        if b"\r\n" in beginning:
            break
    return beginning.startswith(b"HTTP/1.1 2")


def _received(port: int, question: bytes) -> Iterator[bytes]:
    """What comes back until the other side ends or is silent for too long."""
    try:
        with _connected(port) as connection:
            connection.sendall(question)
            while part := connection.recv(_BYTES):
                yield part
    except OSError:
        return


def _connected(port: int) -> socket.socket:
    plain = socket.create_connection(("127.0.0.1", port), timeout=_SECONDS)
    certificate, key, authority = (os.environ.get(f"TLS_{each}") for each in _FILES)
    if os.environ.get("HEALTH_LISTEN") or not (certificate and key and authority):
        return plain
    import ssl  # noqa: PLC0415 - costs more than all the rest, and most probes need none

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Whoever listens in this container is the service: its authority is enough.
    context.check_hostname = False
    context.load_verify_locations(authority)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])
    return context.wrap_socket(plain)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return _FRAME.pack(len(payload) >> 8, len(payload) & 0xFF, kind, flags, stream) + payload


def _frames(parts: Iterator[bytes]) -> Iterator[tuple[int, int, int, bytes]]:
    """The type, the flags, the stream and the payload of each whole frame."""
    buffer = b""
    for part in parts:
        buffer += part
        while len(buffer) >= _FRAME.size:
            high, low, kind, flags, stream = _FRAME.unpack_from(buffer)
            end = _FRAME.size + (high << 8 | low)
            if len(buffer) < end:
                break
            yield kind, flags, stream, buffer[_FRAME.size : end]
            buffer = buffer[end:]


def main(arguments: list[str]) -> int:
    """Asks by gRPC, or by HTTP when a path is given."""
    told = os.environ.get("HEALTH_LISTEN") or os.environ["LISTEN"]
    port = int(told.rpartition(":")[2])
    ready = answers(port, arguments[0]) if arguments else serves(port)
    return 0 if ready else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
