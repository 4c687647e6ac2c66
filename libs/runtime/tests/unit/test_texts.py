"""Texts that are refused before a procedure sees them."""

from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.wrappers_pb2 import BytesValue, StringValue
from hypothesis import given
from hypothesis import strategies as st

from comptoir_runtime.errors import Violation
from comptoir_runtime.rpc.texts import subscript, unfit
from comptoir_testing.demo import Line, PutNoteRequest

NUL = "a\0b"
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_values = st.recursive(
    st.booleans() | st.just(0.0) | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=12,
)


def found(request: Message, *, keyed: bool = False) -> list[str]:
    return [each.field for each in unfit(request, request.SerializeToString(), keyed=keyed)]


def struct(value: dict[str, Any]) -> Struct:
    message = Struct()
    message.update(value)
    return message


def nuls(value: object) -> int:
    """How many keys and texts hold one."""
    if isinstance(value, dict):
        return sum(nuls(each) for pair in value.items() for each in pair)
    if isinstance(value, list):
        return sum(map(nuls, value))
    return isinstance(value, str) and "\0" in value


class TestNul:
    @pytest.mark.parametrize(
        ("request_", "fields"),
        [
            (StringValue(value=NUL), ["value"]),
            (ListValue(values=[Value(), Value(string_value=NUL)]), ["values[1].string_value"]),
            (struct({"fr": NUL}), ['fields["fr"].string_value']),
            (struct({NUL: "x"}), [r'fields["a\u0000b"]']),
            (
                struct({"a": {"b": [1, NUL], "c": NUL}}),
                [
                    'fields["a"].struct_value.fields["b"].list_value.values[1].string_value',
                    'fields["a"].struct_value.fields["c"].string_value',
                ],
            ),
        ],
    )
    def test_is_found_wherever_it_is(self, request_: Message, fields: list[str]) -> None:
        assert sorted(found(request_)) == fields

    @given(st.dictionaries(_texts, _values, max_size=4))
    def test_every_one_is_found_and_nothing_else(self, value: dict[str, Any]) -> None:
        assert len(found(struct(value))) == nuls(value)

    @pytest.mark.parametrize(
        "request_",
        [
            BytesValue(value=b"\0"),
            struct({"": 0.0}),  # a double of eight zero bytes
            PutNoteRequest(text="a", lines=[Line()]),  # its length is zero
        ],
    )
    def test_bytes_and_numbers_may_be_zero(self, request_: Message) -> None:
        assert b"\0" in request_.SerializeToString()
        assert found(request_) == []


class TestRequestId:
    @pytest.mark.parametrize("key", ["", "order 1:capture/~", "!" * 255])
    def test_printable_ascii_is_taken(self, key: str) -> None:
        assert found(PutNoteRequest(request_id=key), keyed=True) == []

    @pytest.mark.parametrize(
        "key", ["\uff41", "a\u200b", "caf\u00e9", "cafe\u0301", "a\n", "\x7f", "\t"]
    )
    def test_what_looks_like_another_is_refused(self, key: str) -> None:
        request = PutNoteRequest(request_id=key)
        assert unfit(request, request.SerializeToString(), keyed=True) == [
            Violation("request_id", "must be printable ASCII characters")
        ]

    def test_one_with_nul_is_named_once(self) -> None:
        assert found(PutNoteRequest(request_id=NUL), keyed=True) == ["request_id"]


class TestSubscript:
    @pytest.mark.parametrize(
        ("value", "written"),
        [(2, "[2]"), ("fr", '["fr"]'), (True, "[true]"), ("x" * 65, f'["{"x" * 64}…"]')],
    )
    def test_is_written_as_in_json_and_not_longer_than_a_line(
        self, value: object, written: str
    ) -> None:
        assert subscript(value) == written
