import math

import pytest
from google.protobuf.descriptor import Descriptor
from hypothesis import given
from hypothesis import strategies as some

from comptoir.cart.v1 import cart_service_pb2
from comptoir.inventory.v1 import inventory_service_pb2
from comptoir.payments.v1 import payments_service_pb2
from comptoir_gateway.transcode import fields
from comptoir_gateway.transcode.binding import path_parameter, query_parameters

AVAILABILITY = inventory_service_pb2.GetAvailabilityRequest
LINE = cart_service_pb2.AddLineRequest


def encoded(message: Descriptor, name: str, text: str) -> bytes:
    return query_parameters(message, set())[name].wire(text)


class TestEncoding:
    @given(some.text(alphabet=some.characters(exclude_categories=["Cs"], exclude_characters="\0")))
    def test_any_text_arrives_as_it_was_sent(self, text: str) -> None:
        payload = encoded(LINE.DESCRIPTOR, "sku", text)
        assert LINE.FromString(payload).sku == text

    @given(some.integers(-(2**31), 2**31 - 1))
    def test_any_number_arrives_as_it_was_sent(self, number: int) -> None:
        payload = encoded(LINE.DESCRIPTOR, "quantity", str(number))
        assert LINE.FromString(payload).quantity == number

    @given(some.integers(0, 2**64 - 1))
    def test_varints_are_those_of_protobuf(self, number: int) -> None:
        read = 0
        for index, byte in enumerate(fields.varint(number)):
            read |= (byte & 0x7F) << 7 * index
        assert read == number

    def test_a_field_of_a_message_within_is_placed_there(self) -> None:
        parameter = path_parameter(
            cart_service_pb2.PutPriceListRequest.DESCRIPTOR, "price_list.code"
        )
        request = cart_service_pb2.PutPriceListRequest()
        request.price_list.currency = "EUR"
        both = request.SerializeToString() + parameter.wire("base")
        merged = cart_service_pb2.PutPriceListRequest.FromString(both)
        assert (merged.price_list.code, merged.price_list.currency) == ("base", "EUR")

    def test_every_kind_has_a_form(self) -> None:
        request = AVAILABILITY.FromString(
            encoded(AVAILABILITY.DESCRIPTOR, "byLocation", "true")
            + encoded(AVAILABILITY.DESCRIPTOR, "near", "45.76,-4.83")
        )
        assert request.by_location is True
        assert (request.near.latitude, request.near.longitude) == (45.76, -4.83)
        listing = cart_service_pb2.ListCartsRequest
        payload = encoded(listing.DESCRIPTOR, "state", "STATE_OPEN")
        assert listing.FromString(payload).state == 1
        balance = payments_service_pb2.GetTrialBalanceRequest
        payload = encoded(balance.DESCRIPTOR, "asOfTime", "2026-01-31T12:00:00Z")
        assert balance.FromString(payload).as_of_time.ToJsonString() == "2026-01-31T12:00:00Z"

    def test_parts_of_a_message_can_be_given_one_by_one(self) -> None:
        payload = encoded(AVAILABILITY.DESCRIPTOR, "near.latitude", "1.5") + encoded(
            AVAILABILITY.DESCRIPTOR, "near.longitude", "2.5"
        )
        near = AVAILABILITY.FromString(payload).near
        assert (near.latitude, near.longitude) == (1.5, 2.5)

    def test_the_name_of_the_contract_works_as_well(self) -> None:
        payload = encoded(AVAILABILITY.DESCRIPTOR, "within_km", "3")
        assert AVAILABILITY.FromString(payload).within_km == 3


class TestRefusals:
    @pytest.mark.parametrize(
        "text",
        ["", "1.5", "1e3", "NaN", "2147483648", "-2147483649", "0x10", "１", " 1", "9" * 400],
    )
    def test_what_is_not_an_int32_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="whole number"):
            fields.encoder(LINE.DESCRIPTOR.fields_by_name["quantity"])(text)  # type: ignore[misc]  # never None for a scalar

    @pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800"])
    def test_what_no_database_can_store_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="must not contain"):
            fields.clean(text)

    @pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "91,0", "0,181", "nan,0", "1e400,0"])
    def test_what_is_not_on_the_globe_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="latitude,longitude"):
            fields.point(text)

    def test_the_poles_are_on_the_globe(self) -> None:
        assert math.isclose(fields.point("90, -180").latitude, 90)
