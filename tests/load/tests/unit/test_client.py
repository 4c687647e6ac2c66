import pytest

from tests.load.client import Answer, Disconnected, encode, take, take_chunks

WHOLE = b'HTTP/1.1 201 Created\r\nETag: "3"\r\nContent-Length: 7\r\n\r\n{"a":1}'


class TestEncode:
    def test_a_body_brings_its_length_and_type(self) -> None:
        assert encode("POST", "/v1/carts", "here:1", "A: b\r\n", b"{}") == (
            b"POST /v1/carts HTTP/1.1\r\nHost: here:1\r\nA: b\r\n"
            b"Content-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"
        )

    def test_without_a_body_nothing_is_said_of_one(self) -> None:
        assert encode("GET", "/", "here:1") == b"GET / HTTP/1.1\r\nHost: here:1\r\n\r\n"


class TestTake:
    def test_an_answer_is_taken_once_it_is_whole(self) -> None:
        for length in range(len(WHOLE)):
            assert take(bytearray(WHOLE[:length])) is None
        buffer = bytearray(WHOLE)

        assert take(buffer) == Answer(201, b'{"a":1}')
        assert buffer == b""

    def test_what_follows_stays_in_the_buffer(self) -> None:
        buffer = bytearray(WHOLE + b"HTTP/1.1 2")

        assert take(buffer) == Answer(201, b'{"a":1}')
        assert buffer == b"HTTP/1.1 2"

    def test_an_answer_says_whether_it_is_the_last_of_its_connection(self) -> None:
        last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"

        assert take(bytearray(last)) == Answer(200, b"{}", is_last=True)

    def test_no_content_needs_no_length(self) -> None:
        assert take(bytearray(b"HTTP/1.1 204 No Content\r\n\r\n")) == Answer(204, b"")

    def test_an_answer_without_length_is_refused(self) -> None:
        with pytest.raises(Disconnected, match="without Content-Length"):
            take(bytearray(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))


class TestTakeChunks:
    def test_whole_chunks_are_taken_and_the_rest_waits(self) -> None:
        raw = bytearray(b"5\r\ndata:\r\n3;x=y\r\n 1\n\r\n4\r\nda")

        assert take_chunks(raw) == b"data: 1\n"
        assert raw == b"4\r\nda"

    def test_any_cut_gives_the_same_text_in_the_end(self) -> None:
        whole = b"5\r\ndata:\r\n3\r\n 1\n\r\n1\r\n\n\r\n"
        for cut in range(len(whole)):
            raw = bytearray(whole[:cut])
            first = take_chunks(raw)
            raw += whole[cut:]

            assert first + take_chunks(raw) == b"data: 1\n\n"
