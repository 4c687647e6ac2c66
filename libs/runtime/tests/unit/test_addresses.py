"""Addresses, there and back."""

import pytest

from comptoir.type.v1 import address_pb2
from comptoir_runtime.addresses import Address, Point, address_message, address_of

LYON = Address(
    recipient="Marie Curie",
    lines=("12 rue Mercière", "2e étage"),
    postal_code="69002",
    city="Lyon",
    country="FR",
    phone="+33 4 00 00 00 00",
    point=Point(45.7640, 4.8357),
)


class TestAddresses:
    @pytest.mark.parametrize("address", [LYON, Address(), Address(point=Point(0.0, 0.0))])
    def test_there_and_back(self, address: Address) -> None:
        assert address_of(address_message(address)) == address

    def test_every_field_of_the_contract_is_told(self) -> None:
        told = {field.name for field, _ in address_message(LYON).ListFields()}
        assert told == set(address_pb2.Address.DESCRIPTOR.fields_by_name)

    def test_a_point_that_is_not_known_is_absent(self) -> None:
        assert not address_message(Address()).HasField("point")
