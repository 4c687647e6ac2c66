"""Postal addresses and points on the Earth: as contracts write them, and back."""

from dataclasses import dataclass
from math import asin, cos, inf, radians, sin, sqrt

from comptoir.type.v1 import address_pb2

_EARTH_RADIUS_KM = 6371.0
_TYPED = ("recipient", "postal_code", "city")


@dataclass(frozen=True, slots=True)
class Point:
    """In degrees, WGS 84."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address; what is not known is empty."""

    recipient: str = ""
    lines: tuple[str, ...] = ()
    postal_code: str = ""
    city: str = ""
    country: str = ""
    phone: str = ""
    point: Point | None = None


def address_of(message: address_pb2.Address) -> Address:
    """What a contract's address says."""
    return Address(
        recipient=message.recipient,
        lines=tuple(message.lines),
        postal_code=message.postal_code,
        city=message.city,
        country=message.country,
        phone=message.phone,
        point=point_of(message.point) if message.HasField("point") else None,
    )


def address_message(address: Address) -> address_pb2.Address:
    """The contract's form; a point that is not known stays absent."""
    return address_pb2.Address(
        recipient=address.recipient,
        lines=address.lines,
        postal_code=address.postal_code,
        city=address.city,
        country=address.country,
        phone=address.phone,
        point=None if address.point is None else point_message(address.point),
    )


def typed_texts(message: address_pb2.Address, path: str) -> dict[str, str]:
    """What people may have typed anything into, by the paths of its fields.

    The phone is none of it: its contract takes no more digits than phone numbers have.
    """
    texts = {f"{path}.{name}": getattr(message, name) for name in _TYPED}
    return texts | {f"{path}.lines[{at}]": line for at, line in enumerate(message.lines)}


def point_of(message: address_pb2.Point) -> Point:
    """What a contract's point says."""
    return Point(message.latitude, message.longitude)


def point_message(point: Point) -> address_pb2.Point:
    """The contract's form."""
    return address_pb2.Point(latitude=point.latitude, longitude=point.longitude)


def kilometres(start: Point | None, end: Point | None) -> float:
    """Great-circle distance; infinite when one end is not known."""
    if start is None or end is None:
        return inf
    north, south = radians(start.latitude), radians(end.latitude)
    height = sin((south - north) / 2) ** 2
    width = sin(radians(end.longitude - start.longitude) / 2) ** 2
    # Rounded, the ends of the Earth would be farther apart than any two points can be.
    share = min(1.0, height + cos(north) * cos(south) * width)
    return 2 * _EARTH_RADIUS_KM * asin(sqrt(share))
