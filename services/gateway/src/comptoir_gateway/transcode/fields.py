"""Fields given as text, in a path or a query: text → bytes on the wire.

Encoding straight to the wire needs no message in between, and what is repeated in a request
merges there by protobuf's own rules: the last scalar wins, messages are joined.
"""

import math
import re
import struct
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from comptoir.type.v1 import address_pb2

Encoder: TypeAlias = Callable[[str], bytes]
"""Text → the value on the wire without its tag; ValueError says what is expected."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_INTEGER = re.compile(r"-?[0-9]{1,20}")
_INT32 = range(-(2**31), 2**31)
_INT64 = range(-(2**63), 2**63)
_UINT32 = range(2**32)
_UINT64 = range(2**64)
RANGES = {
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_UINT64: _UINT64,
}
POINT = address_pb2.Point.DESCRIPTOR.full_name


def varint(number: int) -> bytes:
    """An unsigned number as protobuf writes it."""
    if number < 0x80:
        return bytes((number,))
    parts = bytearray()
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def delimited(payload: bytes) -> bytes:
    """Bytes with their length in front."""
    return varint(len(payload)) + payload


def clean(text: str) -> str:
    """The text; ValueError when no database or protobuf string can hold it."""
    if "\x00" in text:
        raise ValueError("must not contain the character U+0000")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("must not contain half of a surrogate pair") from None
    return text


def encoder(field: FieldDescriptor) -> Encoder | None:
    """What encodes one value of a field; None for a message that has no form as text."""
    kind = field.type
    if kind == FieldDescriptor.TYPE_STRING:
        return lambda text: delimited(clean(text).encode())
    if kind == FieldDescriptor.TYPE_BOOL:
        return _boolean
    if kind in RANGES:
        return _integer(RANGES[kind])
    if field.enum_type is not None:
        return _enum(field.enum_type)
    if kind == FieldDescriptor.TYPE_DOUBLE:
        return lambda text: struct.pack("<d", _number(text))
    if kind == FieldDescriptor.TYPE_FLOAT:
        return lambda text: struct.pack("<f", _number(text))
    if kind == FieldDescriptor.TYPE_BYTES:
        return lambda text: delimited(b64decode(text, validate=True))
    if field.message_type is not None:
        return _message(field.message_type.full_name)
    raise TypeError(f"{field.full_name}: no form as text for this type")


def placed(fields: Sequence[FieldDescriptor]) -> Callable[[bytes], bytes]:
    """Puts an encoded value at a field of a message within a message."""
    tags = [varint(field.number << 3 | _wire_type(field)) for field in fields]
    own, outer = tags[-1], tags[-2::-1]

    def place(value: bytes) -> bytes:
        encoded = own + value
        for tag in outer:
            encoded = tag + delimited(encoded)
        return encoded

    return place


def _wire_type(field: FieldDescriptor) -> int:
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return _FIXED64
    if field.type == FieldDescriptor.TYPE_FLOAT:
        return _FIXED32
    if field.type in (
        FieldDescriptor.TYPE_STRING,
        FieldDescriptor.TYPE_BYTES,
        FieldDescriptor.TYPE_MESSAGE,
    ):
        return _BYTES
    return _VARINT


def _boolean(text: str) -> bytes:
    if text not in ("true", "false"):
        raise ValueError("must be true or false")
    return b"\x01" if text == "true" else b"\x00"


def _integer(allowed: range) -> Encoder:
    def encode(text: str) -> bytes:
        if not _INTEGER.fullmatch(text) or int(text) not in allowed:
            raise ValueError(f"must be a whole number from {allowed[0]} to {allowed[-1]}")
        return varint(int(text) & (2**64 - 1))

    return encode


def _enum(kind: EnumDescriptor) -> Encoder:
    values = {value.name: varint(value.number) for value in kind.values}

    def encode(text: str) -> bytes:
        if text not in values:
            raise ValueError(f"must be one of {', '.join(values)}")
        return values[text]

    return encode


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or not text.isascii() or "_" in text:
        raise ValueError("must be a finite number")
    return number


def _from_json(kind: type[Timestamp | Duration | FieldMask], expected: str) -> Encoder:
    def encode(text: str) -> bytes:
        message = kind()
        try:
            message.FromJsonString(clean(text))
        except Exception:  # noqa: BLE001 - the library promises no particular error
            raise ValueError(f"must be {expected}") from None
        return delimited(message.SerializeToString())

    return encode


WELL_KNOWN: Mapping[str, Encoder] = {
    "google.protobuf.Timestamp": _from_json(Timestamp, "a time such as 2026-01-31T12:00:00Z"),
    "google.protobuf.Duration": _from_json(Duration, "a duration such as 1.5s"),
    "google.protobuf.FieldMask": _from_json(FieldMask, "names of fields, separated by commas"),
}
"""Messages that JSON writes as text."""


def _message(name: str) -> Encoder | None:
    if name == POINT:
        return lambda text: delimited(point(text).SerializeToString())
    return WELL_KNOWN.get(name)


def point(text: str) -> address_pb2.Point:
    """`45.76,4.83` → a point; ValueError when it is not on the globe."""
    try:
        latitude, longitude = (_number(part.strip()) for part in text.split(","))
        if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
            raise ValueError
    except ValueError:
        raise ValueError("must be latitude,longitude in degrees, such as 45.76,4.83") from None
    return address_pb2.Point(latitude=latitude, longitude=longitude)
