from comptoir_runtime.idempotency import key_of
from comptoir_testing.demo import PutNoteRequest


class TestKeyOf:
    def test_the_request_id_is_no_part_of_the_hash_and_stays_in_the_request(self) -> None:
        first = PutNoteRequest(request_id="a", text="t")
        second = PutNoteRequest(request_id="b", text="t")
        assert key_of("s", "c", first).request_hash == key_of("s", "c", second).request_hash
        assert first.request_id == "a"
        assert key_of("s", "c", first).key == "a"

    def test_another_content_has_another_hash(self) -> None:
        first = key_of("s", "c", PutNoteRequest(request_id="a", text="t"))
        second = key_of("s", "c", PutNoteRequest(request_id="a", text="u"))
        assert first.request_hash != second.request_hash

    def test_fields_that_are_not_known_yet_count(self) -> None:
        newer = PutNoteRequest.FromString(
            PutNoteRequest(request_id="a", text="t").SerializeToString() + b"\x98\x06\x01"
        )
        older = PutNoteRequest(request_id="a", text="t")
        assert key_of("s", "c", newer).request_hash != key_of("s", "c", older).request_hash
