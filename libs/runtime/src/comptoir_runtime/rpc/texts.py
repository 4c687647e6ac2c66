"""Texts that no procedure can take, found before any of them runs.

NUL is valid in a protobuf string and impossible in PostgreSQL's text and jsonb. A request id is
compared and kept as it is: only printable ASCII looks the same to everybody who compares it.
"""

from collections.abc import Iterator
from typing import Any

import orjson
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from comptoir_runtime.errors import Violation
from comptoir_runtime.idempotency import FIELD

_NUL = "\0"
_NUL_BYTE = b"\0"
# A key of a map can be as long as a request: its beginning is enough to find it.
_LONGEST_KEY = 64


def unfit(request: Message, payload: bytes, *, keyed: bool) -> list[Violation]:
    """What is wrong with the texts of a request that was read from `payload`.

    Where no byte is zero no character is: that is all it costs nearly every request.
    """
    found = list(_with_nul(request, "")) if _NUL_BYTE in payload else []
    if keyed:
        key: str = getattr(request, FIELD)
        if not (key.isascii() and key.isprintable()) and _NUL not in key:
            found.append(Violation(FIELD, "must be printable ASCII characters"))
    return found


def subscript(value: object) -> str:
    """Which element of a list or a map: `[2]`, `["fr"]`."""
    if isinstance(value, str) and len(value) > _LONGEST_KEY:
        value = value[:_LONGEST_KEY] + "…"
    return f"[{orjson.dumps(value).decode()}]"


def _with_nul(message: Message, path: str) -> Iterator[Violation]:
    for field, value in message.ListFields():
        place = f"{path}.{field.name}" if path else field.name
        kind = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            entry = kind.fields_by_name
            for key, item in value.items():
                at = place + subscript(key)
                yield from _in_value(entry["key"], key, at)
                yield from _in_value(entry["value"], item, at)
        elif field.is_repeated:
            for index, item in enumerate(value):
                yield from _in_value(field, item, place + subscript(index))
        else:
            yield from _in_value(field, value, place)


def _in_value(field: FieldDescriptor, value: Any, place: str) -> Iterator[Violation]:
    if field.message_type is not None:
        yield from _with_nul(value, place)
    elif field.type == FieldDescriptor.TYPE_STRING and _NUL in value:
        yield Violation(place, "holds a NUL character")
