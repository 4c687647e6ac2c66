from typing import Any

import orjson
import pytest
from google.protobuf.json_format import MessageToJson
from hypothesis import given
from hypothesis import strategies as some

from comptoir.cart.v1 import cart_pb2, cart_service_pb2
from comptoir.customers.v1 import customer_pb2
from comptoir.inventory.v1 import stock_pb2
from comptoir_gateway.problems import Problem
from comptoir_gateway.transcode import Codecs
from comptoir_gateway.transcode.body import encode, parse

CODECS = Codecs.of_contracts()
LINE = CODECS.of(cart_service_pb2.AddLineRequest.DESCRIPTOR)
DELIVERY = CODECS.of(cart_service_pb2.SetDeliveryRequest.DESCRIPTOR)
COUPON = CODECS.of(cart_service_pb2.PutCouponRequest.DESCRIPTOR)


def refusal_of(body: bytes) -> Problem:
    with pytest.raises(Problem) as refused:
        parse(body)
    assert refused.value.status == 400
    return refused.value


class TestParsing:
    def test_an_empty_body_is_an_empty_object(self) -> None:
        assert parse(b"") == parse(b"  ") == parse(b"{}") == {}

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"nul",
            b'{"a":1}x',
            b"\xef\xbb\xbf{}",
            b'{"a":"\xff"}',
            b'{"a":NaN}',
            b'{"a":-Infinity}',
            b'{"a":01}',
            b"{'a':1}",
            b'{"a":"\x00"}',
            b'{"a":"\n"}',
            b'{"quantity":' + b"9" * 5000 + b"}",
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b"[]",
            b"null",
            b'"text"',
            b"1",
        ],
    )
    def test_what_is_not_a_json_object_is_refused(self, body: bytes) -> None:
        assert refusal_of(body).reason == "MALFORMED_JSON"

    def test_a_key_given_twice_is_named(self) -> None:
        problem = refusal_of(b'{"sku":"a","quantity":1,"sku":"b"}')
        assert [(each.field, each.description) for each in problem.violations] == [
            ("sku", "is given twice")
        ]

    @pytest.mark.parametrize("escape", [rb"\ud800", rb"\u0000", rb"\udfff x"])
    def test_a_text_that_cannot_be_stored_is_named(self, escape: bytes) -> None:
        problem = refusal_of(b'{"delivery":{"address":{"lines":["ok","' + escape + b'"]}}}')
        assert [each.field for each in problem.violations] == ["delivery.address.lines[1]"]

    def test_a_pair_of_surrogates_is_one_character(self) -> None:
        assert parse(rb'{"note":"\ud83d\ude00"}') == {"note": "😀"}


class TestEncoding:
    def test_json_becomes_the_message(self) -> None:
        payload = encode(LINE, {"sku": "A", "quantity": "2", "note": "é"})
        request = cart_service_pb2.AddLineRequest.FromString(payload)
        assert (request.sku, request.quantity, request.note) == ("A", 2, "é")

    @pytest.mark.parametrize(
        ("value", "field"),
        [
            ({"sku": 1}, "sku"),
            ({"quantity": 1.5}, "quantity"),
            ({"quantity": 2**31}, "quantity"),
            ({"quantity": -(2**40)}, "quantity"),
            ({"quantity": True}, "quantity"),
            ({"quantity": "many"}, "quantity"),
            ({"quantity": []}, "quantity"),
            ({"quantity": float("inf")}, "quantity"),
            ({"price": "0.01"}, "price"),
            ({"sku": {"deep": 1}}, "sku"),
        ],
    )
    def test_a_field_that_does_not_fit_is_named(self, value: dict[str, Any], field: str) -> None:
        with pytest.raises(Problem) as refused:
            encode(LINE, value)
        assert [each.field for each in refused.value.violations] == [field]

    @pytest.mark.parametrize(
        ("delivery", "field"),
        [
            ([], "delivery"),
            ("x", "delivery"),
            ({"mode": "MODE_FLY"}, "delivery.mode"),
            ({"mode": True}, "delivery.mode"),
            ({"address": {"lines": "x"}}, "delivery.address.lines"),
            ({"address": {"lines": [None]}}, "delivery.address.lines[0]"),
            ({"address": {"point": {"latitude": "x"}}}, "delivery.address.point.latitude"),
            ({"address": {"owner": "me"}}, "delivery.address.owner"),
        ],
    )
    def test_the_path_leads_to_the_place(self, delivery: Any, field: str) -> None:
        with pytest.raises(Problem) as refused:
            encode(DELIVERY, {"delivery": delivery})
        assert [each.field for each in refused.value.violations] == [field]

    @pytest.mark.parametrize(
        ("coupon", "field"),
        [
            ({"label": {"texts": {"fr_FR": 1}}}, 'coupon.label.texts["fr_FR"]'),
            ({"label": {"texts": []}}, "coupon.label.texts"),
            ({"validToTime": "tomorrow"}, "coupon.validToTime"),
            ({"validToTime": 5}, "coupon.validToTime"),
            ({"percent": "1", "amount": {"currency": "EUR", "amount": "1.00"}}, "coupon.amount"),
        ],
    )
    def test_maps_times_and_choices_are_checked_too(self, coupon: Any, field: str) -> None:
        with pytest.raises(Problem) as refused:
            encode(COUPON, {"coupon": coupon})
        assert [each.field for each in refused.value.violations] == [field]

    def test_every_fault_is_told_at_once(self) -> None:
        with pytest.raises(Problem) as refused:
            encode(LINE, {"sku": 1, "quantity": "x", "total": 3})
        assert [each.field for each in refused.value.violations] == ["sku", "quantity", "total"]

    def test_nesting_within_bounds_of_the_parser_is_refused_by_the_message(self) -> None:
        deep: Any = {}
        for _ in range(500):
            deep = {"delivery": deep}
        with pytest.raises(Problem) as refused:
            encode(DELIVERY, deep)
        assert refused.value.status == 400

    @given(
        some.recursive(
            some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
            lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
        )
    )
    def test_a_value_is_read_or_refused_whatever_it_is(self, value: Any) -> None:
        for field in ("coupon", "requestId", "x"):
            assert outcome_of({field: value}) in ("read", 400)


def outcome_of(body: Any) -> str | int:
    try:
        encode(COUPON, body)
    except Problem as refused:
        return refused.status
    return "read"


class TestAnswers:
    def test_a_kind_only_a_later_version_knows_is_its_number(self) -> None:
        later = customer_pb2.Touch(kind=customer_pb2.Touch.Kind.ValueType(99))
        told = CODECS.of(customer_pb2.Touch.DESCRIPTOR).to_json(later.SerializeToString())
        assert orjson.loads(told)["kind"] == 99

    def test_zero_and_empty_are_there(self) -> None:
        codec = CODECS.of(stock_pb2.Availability.DESCRIPTOR)
        message = stock_pb2.Availability(sku="A", revision=5)
        assert codec.to_json(message.SerializeToString()) == (
            b'{"sku":"A","available":0,"levels":[],"revision":"5","backorderAvailable":0}'
        )

    def test_the_json_is_that_of_the_official_library(self) -> None:
        cart = cart_pb2.Cart(id="crt_1", etag="3", state=cart_pb2.Cart.STATE_OPEN)
        cart.create_time.FromJsonString("2026-01-31T12:00:00.250Z")
        cart.lines.add(sku="A", name="Café «crème»", quantity=2).unit_price.amount = "19.99"
        body, version = CODECS.of(cart_pb2.Cart.DESCRIPTOR).to_json_with(
            cart.SerializeToString(), "etag"
        )
        expected = MessageToJson(
            cart, always_print_fields_with_no_presence=True, ensure_ascii=False, indent=None
        )
        assert (parse(body), version) == (parse(expected.encode()), "3")
