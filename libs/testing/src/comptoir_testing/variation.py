"""Another valid body: a copy of a message with one field changed."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import protovalidate
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_INTEGERS = frozenset(
    {
        FieldDescriptor.CPPTYPE_INT32,
        FieldDescriptor.CPPTYPE_INT64,
        FieldDescriptor.CPPTYPE_UINT32,
        FieldDescriptor.CPPTYPE_UINT64,
    }
)
_NEXT_DIGIT = str.maketrans("0123456789", "1234567890")


def another_body(message: Message, *, keep: str) -> Message | None:
    """A valid copy that differs in one field other than `keep`; None when there is none."""
    for change in _changes(message, keep):
        other = copy.deepcopy(message)
        change(other)
        if other != message and _is_valid(other):
            return other
    return None


def _is_valid(message: Message) -> bool:
    try:
        protovalidate.validate(message)
    except protovalidate.ValidationError:
        return False
    return True


Change = Callable[[Any], None]


def _changes(message: Message, keep: str) -> Iterator[Change]:
    """Ways to change the message: its set fields first, from the last (the least identifying)."""
    for field, value in reversed(message.ListFields()):
        if field.name == keep:
            continue
        if field.is_repeated:
            yield from _repeated_changes(field, value)
        elif field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            yield from (_inside(field.name, change) for change in _changes(value, keep=""))
        else:
            yield from (_assign(field.name, other) for other in _other_values(field, value))
    for field in message.DESCRIPTOR.fields:
        unset = not field.is_repeated and field.cpp_type == FieldDescriptor.CPPTYPE_STRING
        if unset and field.name != keep and field.containing_oneof is None:
            yield from (_assign(field.name, text) for text in ("other", "fr"))


def _repeated_changes(field: FieldDescriptor, values: Any) -> Iterator[Change]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return
    for index, value in enumerate(values):
        if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            yield from (_at(field.name, index, change) for change in _changes(value, keep=""))
        else:
            yield from (_put(field.name, index, other) for other in _other_values(field, value))


def _other_values(field: FieldDescriptor, value: Any) -> list[Any]:
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return [not value]
    if field.enum_type is not None:
        return [each.number for each in field.enum_type.values if each.number != value]
    if field.cpp_type in _INTEGERS:
        return [value + 1, value - 1]
    if field.type == FieldDescriptor.TYPE_BYTES:
        return [value + b"x"]
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return [value.translate(_NEXT_DIGIT), value + "x", "x" + value]
    return [value + 1.0]


def _assign(name: str, value: Any) -> Change:
    return lambda message: setattr(message, name, value)


def _put(name: str, index: int, value: Any) -> Change:
    return lambda message: getattr(message, name).__setitem__(index, value)


def _inside(name: str, change: Change) -> Change:
    return lambda message: change(getattr(message, name))


def _at(name: str, index: int, change: Change) -> Change:
    return lambda message: change(getattr(message, name)[index])
