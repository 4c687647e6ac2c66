"""Statements as PostgreSQL reads them: values in binary form, and the messages that carry them.

Only for what travels along with another statement (see `link`); asyncpg encodes all else.
"""

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeAlias

import asyncpg
import orjson

Encoder: TypeAlias = Callable[[Any], bytes]

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_DAY = date(2000, 1, 1).toordinal()
_NULL = b"\xff\xff\xff\xff"
_pack_length = struct.Struct("!i").pack
_pack_head = struct.Struct("!hhh").pack
# The unnamed portal, all its rows.
_EXECUTE = b"E" + _pack_length(9) + b"\0" + _pack_length(0)
_RESULTS_IN_BINARY = struct.pack("!hh", 1, 1)


def _microseconds(value: datetime) -> bytes:
    since = value - _EPOCH
    return _pack_long((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


_pack_long = struct.Struct("!q").pack

# By the object ids that never change in any PostgreSQL.
_SCALARS: dict[int, Encoder] = {
    16: lambda value: b"\1" if value else b"\0",  # bool
    17: bytes,  # bytea
    20: _pack_long,  # int8
    21: struct.Struct("!h").pack,  # int2
    23: struct.Struct("!i").pack,  # int4
    25: lambda value: value.encode(),  # text
    701: struct.Struct("!d").pack,  # float8
    1043: lambda value: value.encode(),  # varchar
    1082: lambda value: _pack_length(value.toordinal() - _DAY),  # date
    1184: _microseconds,  # timestamptz
    2950: lambda value: value.bytes,  # uuid
    3802: lambda value: b"\1" + orjson.dumps(value),  # jsonb, and the version of its form
}
_ARRAYS = {
    1000: 16,
    1001: 17,
    1005: 21,
    1007: 23,
    1009: 25,
    1015: 1043,
    1016: 20,
    1022: 701,
    1182: 1082,
    1185: 1184,
    2951: 2950,
    3807: 3802,
}


def encoder(oid: int) -> Encoder | None:
    """How values of a type are written; None for a type that is not known here."""
    element = _ARRAYS.get(oid)
    return _SCALARS.get(oid) if element is None else _array(element, _SCALARS[element])


def message(name: bytes, encoders: Sequence[Encoder], arguments: Sequence[Any]) -> bytes:
    """Runs the prepared statement `name`, which ends with a NUL, once.

    Raises `asyncpg.DataError` for a value that does not fit.
    """
    if len(encoders) != len(arguments):
        raise asyncpg.InterfaceError(
            f"the statement takes {len(encoders)} arguments, {len(arguments)} were given"
        )
    parts = [b"\0", name, _pack_head(1, 1, len(arguments))]
    for number, (encode, value) in enumerate(zip(encoders, arguments, strict=True), 1):
        if value is None:
            parts.append(_NULL)
            continue
        try:
            data = encode(value)
        except Exception as error:
            raise asyncpg.DataError(f"invalid value for ${number}: {error}") from error
        parts.append(_pack_length(len(data)))
        parts.append(data)
    parts.append(_RESULTS_IN_BINARY)
    body = b"".join(parts)
    return b"B" + _pack_length(len(body) + 4) + body + _EXECUTE


def _array(oid: int, encode: Encoder) -> Encoder:
    pack_empty = struct.pack("!iii", 0, 0, oid)
    head = struct.Struct("!iiiii").pack

    def encode_array(values: Sequence[Any]) -> bytes:
        if not values:
            return pack_empty
        if isinstance(values, str):
            raise TypeError("a text is no array")
        parts = [head(1, int(None in values), oid, len(values), 1)]
        for value in values:
            if value is None:
                parts.append(_NULL)
            else:
                data = encode(value)
                parts.append(_pack_length(len(data)))
                parts.append(data)
        return b"".join(parts)

    return encode_array
