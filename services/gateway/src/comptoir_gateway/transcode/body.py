"""JSON bodies: read strictly, and when they do not fit, said where and why."""

import json
from collections.abc import Iterator
from typing import Any, Never

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from comptoir_gateway.problems import Problem, invalid
from comptoir_gateway.transcode.codec import Codec
from comptoir_gateway.transcode.fields import RANGES, WELL_KNOWN, clean
from comptoir_runtime.errors import Violation

Json = Any

MAX_DEPTH = 64
MAX_FAULTS = 25

_STRINGS = (FieldDescriptor.TYPE_STRING,)
_FLOATS = (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT)


def _members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise invalid(Violation(twice, "is given twice"))
    return members


def _constant(name: str) -> Never:
    raise Problem(400, "MALFORMED_JSON", f"{name} is not a JSON value")


_decoder = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_constant)


def parse(body: bytes) -> dict[str, Json]:
    """The object a body holds; an empty body is an empty object. Raises a 400 problem."""
    if not body.strip():
        return {}
    try:
        text = body.decode()
        value = _decoder.decode(text)
    except UnicodeDecodeError:
        raise Problem(400, "MALFORMED_JSON", "the body is not UTF-8") from None
    except RecursionError:
        raise Problem(400, "MALFORMED_JSON", "the body is nested too deeply") from None
    except ValueError as error:
        where = f" at position {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise Problem(400, "MALFORMED_JSON", f"the body is not JSON{where}") from None
    if not isinstance(value, dict):
        raise Problem(400, "MALFORMED_JSON", "the body must be a JSON object")
    if "\\u" in text:  # the only way a character can come in that a text may not hold
        _refuse(_unclean(value, "", 0))
    return value


def encode(codec: Codec, value: dict[str, Json]) -> bytes:
    """The wire form of a body; raises a 400 problem that names the fields at fault."""
    if codec.has_choices:
        _refuse(faults(codec.descriptor, value))
    try:
        return codec.from_value(value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        _refuse(faults(codec.descriptor, value))
        raise Problem(400, "INVALID_FIELDS", "the body does not fit the request") from None


def _refuse(found: Iterator[Violation]) -> None:
    violations = [violation for violation, _ in zip(found, range(MAX_FAULTS), strict=False)]
    if violations:
        raise invalid(*violations)


def _unclean(value: Json, path: str, depth: int) -> Iterator[Violation]:
    """Texts with characters that cannot be stored."""
    if depth > MAX_DEPTH:
        yield Violation(path, "is nested too deeply")
    elif isinstance(value, str):
        try:
            clean(value)
        except ValueError as error:
            yield Violation(path, str(error))
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _unclean(name, path, depth + 1)
            yield from _unclean(member, _below(path, name), depth + 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unclean(item, f"{path}[{index}]", depth + 1)


def faults(message: Descriptor, value: Json, path: str = "", depth: int = 0) -> Iterator[Violation]:
    """What of parsed JSON does not fit a message. Only asked for once it is known not to fit."""
    if depth > MAX_DEPTH:
        yield Violation(path, "is nested too deeply")
        return
    if message.full_name in WELL_KNOWN:
        yield from _text_faults(message.full_name, value, path)
        return
    if not isinstance(value, dict):
        yield Violation(path, "must be an object")
        return
    yield from _choice_faults(message, value, path)
    known = {field.json_name: field for field in message.fields}
    known |= {field.name: field for field in message.fields}
    for name, member in value.items():
        here = _below(path, name)
        if name not in known:
            yield Violation(here, "is not a field of this request")
        elif member is not None:
            yield from _field_faults(known[name], member, here, depth)


def _text_faults(name: str, value: Json, path: str) -> Iterator[Violation]:
    try:
        WELL_KNOWN[name](value if isinstance(value, str) else "")
    except ValueError as error:
        yield Violation(path, str(error))


def _choice_faults(message: Descriptor, value: dict[str, Json], path: str) -> Iterator[Violation]:
    for oneof in message.oneofs:
        names = {name for field in oneof.fields for name in (field.name, field.json_name)}
        given = [name for name, member in value.items() if name in names and member is not None]
        if len(given) > 1:
            yield Violation(_below(path, given[1]), f"cannot be given together with {given[0]}")


def _field_faults(
    field: FieldDescriptor, value: Json, path: str, depth: int
) -> Iterator[Violation]:
    if not field.is_repeated:
        yield from _value_faults(field, value, path, depth)
    elif field.message_type is not None and field.message_type.GetOptions().map_entry:
        if not isinstance(value, dict):
            yield Violation(path, "must be an object")
            return
        for key, item in value.items():
            yield from _value_faults(
                field.message_type.fields_by_name["value"], item, f'{path}["{key}"]', depth
            )
    elif not isinstance(value, list):
        yield Violation(path, "must be a list")
    else:
        for index, item in enumerate(value):
            yield from _value_faults(field, item, f"{path}[{index}]", depth)


def _value_faults(
    field: FieldDescriptor, value: Json, path: str, depth: int
) -> Iterator[Violation]:
    if value is None:
        yield Violation(path, "must not be null")
    elif field.message_type is not None:
        yield from faults(field.message_type, value, path, depth + 1)
    elif (expected := _expected(field, value)) is not None:
        yield Violation(path, f"must be {expected}")


def _expected(field: FieldDescriptor, value: Json) -> str | None:
    """What a scalar should be, or None when it is that."""
    kind = field.type
    if kind == FieldDescriptor.TYPE_BOOL:
        return None if isinstance(value, bool) else "true or false"
    if kind in _STRINGS:
        return None if isinstance(value, str) else "a text"
    if field.enum_type is not None:
        names = [each.name for each in field.enum_type.values]
        number = None if isinstance(value, str) else _whole(value)
        # A range looks for what is not an integer one by one: None must not reach it.
        fits = value in names or (
            number is not None and number in RANGES[FieldDescriptor.TYPE_INT32]
        )
        return None if fits else f"one of {', '.join(names)}"
    if kind in RANGES:
        allowed = RANGES[kind]
        fits = (number := _whole(value)) is not None and number in allowed
        return None if fits else f"a whole number from {allowed[0]} to {allowed[-1]}"
    if kind in _FLOATS:
        return None if _is_number(value) else "a number"
    return None if isinstance(value, str) else "base64"


def _whole(value: Json) -> int | None:
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) <= 20:
        return int(value)
    if not _is_number(value) or not float(value).is_integer():
        return None
    return int(float(value)) if isinstance(value, str) else int(value)


def _is_number(value: Json) -> bool:
    if isinstance(value, bool):
        return False
    try:
        return float(value) - float(value) == 0  # neither infinite nor not a number
    except (TypeError, ValueError, OverflowError):
        return False


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
