"""Postal addresses and points on the Earth: as contracts write them, and back."""

from dataclasses import dataclass

from comptoir.type.v1 import address_pb2


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


def point_of(message: address_pb2.Point) -> Point:
    """What a contract's point says."""
    return Point(message.latitude, message.longitude)


def point_message(point: Point) -> address_pb2.Point:
    """The contract's form."""
    return address_pb2.Point(latitude=point.latitude, longitude=point.longitude)
