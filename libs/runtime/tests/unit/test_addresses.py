"""Addresses, there and back."""

from math import inf, pi

import pytest

from comptoir.type.v1 import address_pb2
from comptoir_runtime.addresses import (
    Address,
    Point,
    address_message,
    address_of,
    kilometres,
)

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


class TestKilometres:
    def test_distances_are_those_of_the_map(self) -> None:
        lyon, paris = Point(45.7640, 4.8357), Point(48.8566, 2.3522)
        assert round(kilometres(lyon, paris), 1) == round(kilometres(paris, lyon), 1) == 391.5
        assert kilometres(lyon, lyon) == 0.0

    @pytest.mark.parametrize("latitude", [0.0, 0.7, 45.7640, 88.9, 90.0])
    def test_nothing_is_farther_than_the_other_side_of_the_earth(self, latitude: float) -> None:
        here, there = Point(latitude, 4.8357), Point(-latitude, 4.8357 - 180)
        assert kilometres(here, there) == pytest.approx(6371.0 * pi)

    def test_what_is_not_known_is_infinitely_far(self) -> None:
        assert kilometres(None, LYON.point) == kilometres(LYON.point, None) == inf
