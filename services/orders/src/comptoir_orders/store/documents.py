"""Values kept whole in jsonb: written as they are, read back into their types."""

import types
import typing
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")
_Reader = Callable[[Any], Any]
_readers: dict[Any, _Reader] = {}


def read(kind: type[T], document: Any) -> T:
    """The value of dataclass `kind` that was written as `document`; missing fields get defaults.

    Fields that a later release has written are left out: its replicas may run beside us.
    """
    reader = _readers.get(kind)
    if reader is None:
        reader = _readers[kind] = _reader(kind)
    value: T = reader(document)
    return value


def _reader(kind: Any) -> _Reader:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if is_dataclass(kind):
        return _dataclass_reader(kind)
    if origin is tuple:
        item = _reader(arguments[0])
        return lambda items: tuple([item(each) for each in items])
    if origin in (types.UnionType, typing.Union):
        (only,) = (each for each in arguments if each is not type(None))
        present = _reader(only)
        return lambda value: None if value is None else present(value)
    if kind is datetime:
        return datetime.fromisoformat
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    return _as_is


def _dataclass_reader(kind: Any) -> _Reader:
    hints = typing.get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}

    def read_fields(document: dict[str, Any]) -> Any:
        known = [(name, value) for name, value in document.items() if name in readers]
        return kind(**{name: readers[name](value) for name, value in known})

    return read_fields


def _as_is(value: Any) -> Any:
    return value
