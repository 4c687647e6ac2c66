"""JSON Schema of the messages, as ProtoJSON writes them, with their constraints."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumValueDescriptor, FieldDescriptor

from buf.validate import validate_pb2
from comptoir_gateway.transcode.contracts import (
    REQUEST_ID,
    Operation,
    field_at,
    reachable,
    rules,
)

Schema = dict[str, Any]

_WELL_KNOWN: Mapping[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?s$"},
    "google.protobuf.FieldMask": {"type": "string"},
}
_SCALARS: Mapping[int, Schema] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.TYPE_UINT32: {"type": "integer", "minimum": 0},
    # 64 bits do not fit a JavaScript number: ProtoJSON writes them as text.
    FieldDescriptor.TYPE_INT64: {"type": "string", "format": "int64"},
    FieldDescriptor.TYPE_UINT64: {"type": "string", "format": "int64"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}
_BOUNDS = {
    "gte": "minimum",
    "lte": "maximum",
    "gt": "exclusiveMinimum",
    "lt": "exclusiveMaximum",
}
# Names whose values tell a reader more than "string".
_EXAMPLES: Mapping[str, Any] = {
    "amount": "19.99",
    "cart": "crt_01kdn7w2e8f4rtsyb3m5q6v9xz",
    "channel": "web",
    "city": "Lyon",
    "code": "BIENVENUE10",
    "country": "FR",
    "currency": "EUR",
    "email": "cliente@example.com",
    "given_name": "Camille",
    "lines": None,
    "locale": "fr_FR",
    "location": "store_lyon",
    "method": "card",
    "password": "correct horse battery",
    "postal_code": "69002",
    "quantity": 1,
    "shipping_method": "standard",
    "sku": "CLO-BRUME-NAV-M",
    "token": "pm_01kdn7w2e8",
}


class Schemas:
    """Component schemas, made as they are referred to."""

    def __init__(self, comments: Mapping[str, str], operations: Iterable[Operation]) -> None:
        operations = list(operations)
        self._comments = comments
        self.components: dict[str, Schema] = {}
        self._names = _short_names(
            message
            for operation in operations
            for root in (operation.request, operation.response)
            for message in reachable(root)
        )
        self._sent = {
            message.full_name
            for operation in operations
            for message in reachable(operation.request)
        }

    def reference(self, message: Descriptor) -> Schema:
        """A reference to the schema of a message."""
        if message.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[message.full_name])
        name = self._names[message.full_name]
        if name not in self.components:
            self.components[name] = {}  # messages may refer to themselves
            self.components[name] = self._object(message, message.fields)
        return {"$ref": f"#/components/schemas/{name}"}

    def body(self, operation: Operation) -> Schema:
        """The schema of a body: the request without what path and headers give."""
        request = operation.request
        given = {
            field_at(request, path)[0].name for path in operation.path_fields if "." not in path
        }
        taken = given | {REQUEST_ID}
        return self._object(request, [each for each in request.fields if each.name not in taken])

    def field(self, field: FieldDescriptor) -> Schema:
        """The schema of a field with its comment and constraints."""
        schema = self._unbound(field)
        schema |= constraints(field)
        text = self._comments.get(field.full_name)
        if text:
            schema["description"] = text
        return schema

    def _object(self, message: Descriptor, fields: Iterable[FieldDescriptor]) -> Schema:
        fields = list(fields)
        schema: Schema = {
            "type": "object",
            "properties": {each.json_name: self.field(each) for each in fields},
        }
        # What is only ever answered is always complete; of what is sent, the rules decide.
        sent = message.full_name in self._sent
        required = [
            each.json_name
            for each in fields
            if (must_be_given(each) if sent else not each.has_presence)
        ]
        if required:
            schema["required"] = required
        if sent:
            schema["additionalProperties"] = False
        if text := self._comments.get(message.full_name):
            schema["description"] = text
        return schema

    def _unbound(self, field: FieldDescriptor) -> Schema:
        message = field.message_type
        if message is not None and message.GetOptions().map_entry:
            return {
                "type": "object",
                "additionalProperties": self._one(message.fields_by_name["value"]),
            }
        if not field.is_repeated:
            return self._one(field)
        one = self._one(field) | _of_value(field, rules(field).repeated.items)
        return {"type": "array", "items": one}

    def _one(self, field: FieldDescriptor) -> Schema:
        if field.message_type is not None:
            return self.reference(field.message_type)
        if field.enum_type is not None:
            return self._enum(field)
        return dict(_SCALARS[field.type])

    def _enum(self, field: FieldDescriptor) -> Schema:
        values = allowed(field)
        meanings = [
            f"`{value.name}`: {self._comments.get(f'{value.type.full_name}.{value.name}', '')}"
            for value in values
        ]
        return {
            "type": "string",
            "enum": [value.name for value in values],
            "x-enum-descriptions": meanings,
        }


def allowed(field: FieldDescriptor) -> list[EnumValueDescriptor]:
    """The values of an enum that its rules let a field have."""
    assert field.enum_type is not None, "only an enum has values"
    rule = rules(field).repeated.items.enum if field.is_repeated else rules(field).enum
    only, never = list(getattr(rule, "in")), list(rule.not_in)
    return [
        value
        for value in field.enum_type.values
        if value.number not in never and (not only or value.number in only)
    ]


def constraints(field: FieldDescriptor) -> Schema:
    """What `buf.validate` asks of a field, as JSON Schema."""
    rule = rules(field)
    if field.is_repeated:
        found = _sizes(rule.repeated, {"min_items": "minItems", "max_items": "maxItems"})
        found |= {"uniqueItems": True} if rule.repeated.unique else {}
        found |= _sizes(rule.map, {"min_pairs": "minProperties", "max_pairs": "maxProperties"})
        return found
    return _of_value(field, rule)


def _of_value(field: FieldDescriptor, rule: validate_pb2.FieldRules) -> Schema:
    if field.type == FieldDescriptor.TYPE_STRING:
        return _of_text(rule.string)
    if field.type == FieldDescriptor.TYPE_INT32:
        return _bounds(rule.int32)
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        return _bounds(rule.double)
    return {}


def _of_text(rule: validate_pb2.StringRules) -> Schema:
    found = _sizes(rule, {"min_len": "minLength", "max_len": "maxLength", "pattern": "pattern"})
    if rule.email:
        found["format"] = "email"
    values = list(getattr(rule, "in"))
    if values:
        found["enum"] = values
    return found


def _sizes(rule: Any, names: Mapping[str, str]) -> Schema:
    return {word: getattr(rule, name) for name, word in names.items() if rule.HasField(name)}


def _bounds(rule: Any) -> Schema:
    return {word: getattr(rule, name) for name, word in _BOUNDS.items() if rule.HasField(name)}


def must_be_given(field: FieldDescriptor) -> bool:
    """Whether a request without the field is refused."""
    rule = rules(field)
    if field.has_presence:  # what is left out is not looked at: one of several, or optional
        return rule.required
    values = list(getattr(rule.string, "in"))
    return bool(
        rule.required
        or rule.string.min_len
        or rule.string.email
        or (values and "" not in values)
        or (field.enum_type and not field.is_repeated and allowed(field)[0].number != 0)
        or not re.search(rule.string.pattern, "")  # what is left out is empty
        or rule.repeated.min_items
        or rule.int32.gte > 0  # what is left out is zero
    )


def _short_names(messages: Iterable[Descriptor]) -> dict[str, str]:
    """Names without the package; two of the same name get their service in front."""
    full_names = {message.full_name: message.file.package for message in messages}
    short = {name: name.removeprefix(f"{package}.") for name, package in full_names.items()}
    counts: dict[str, int] = {}
    for each in short.values():
        counts[each] = counts.get(each, 0) + 1
    return {
        name: own if counts[own] == 1 else f"{full_names[name].split('.')[1]}.{own}"
        for name, own in short.items()
    }


def example(message: Descriptor, skipped: Iterable[str] = (), depth: int = 0) -> dict[str, Any]:
    """A small body that could be sent: what must be given, and what is known by name."""
    found: dict[str, Any] = {}
    for field in message.fields:
        if field.name in skipped or field.containing_oneof is not None or depth > 3:
            continue
        if must_be_given(field) or field.name in ("currency", "amount", "quantity", "country"):
            found[field.json_name] = _example_of(field, depth)
    return found


def _example_of(field: FieldDescriptor, depth: int) -> Any:
    known = _EXAMPLES.get(field.name)
    message = field.message_type
    if message is not None and message.full_name == "google.protobuf.FieldMask":
        return "name"
    if message is not None:
        one: Any = example(message, depth=depth + 1)
    elif field.enum_type is not None:
        one = allowed(field)[-1].name
    elif field.type == FieldDescriptor.TYPE_STRING:
        one = known or field.name
    else:
        one = 1
    return [one] if field.is_repeated else one
