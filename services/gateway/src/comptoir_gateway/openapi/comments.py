"""The comments of the contracts, by full name: they are the text of the documentation."""

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from comptoir_contracts import descriptor_set

# Numbers of the fields of descriptor.proto that a path in SourceCodeInfo is made of.
_FILE_MESSAGE, _FILE_ENUM, _FILE_SERVICE = 4, 5, 6
_MESSAGE_FIELD, _MESSAGE_NESTED, _MESSAGE_ENUM = 2, 3, 4
_ENUM_VALUE, _SERVICE_METHOD = 2, 2

Path = tuple[int, ...]
Named = tuple[Path, str]


def comments() -> dict[str, str]:
    """Comment by full name of a message, field, enum, value, service or procedure."""
    found: dict[str, str] = {}
    for file in FileDescriptorSet.FromString(descriptor_set()).file:
        texts = {
            tuple(location.path): unwrapped(location.leading_comments)
            for location in file.source_code_info.location
            if location.leading_comments
        }
        found |= {name: texts[path] for path, name in _elements(file) if path in texts}
    return found


def unwrapped(comment: str) -> str:
    """A comment without the line breaks of its source; an empty line makes a paragraph."""
    paragraphs = comment.strip().split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


def _elements(file: FileDescriptorProto) -> Iterator[Named]:
    for index, message in enumerate(file.message_type):
        yield from _message(message, (_FILE_MESSAGE, index), file.package)
    yield from _enums(file.enum_type, (_FILE_ENUM,), file.package)
    for index, service in enumerate(file.service):
        path, name = (_FILE_SERVICE, index), f"{file.package}.{service.name}"
        yield path, name
        yield from _members(service.method, (*path, _SERVICE_METHOD), name)


def _message(message: DescriptorProto, path: Path, scope: str) -> Iterator[Named]:
    name = f"{scope}.{message.name}"
    yield path, name
    yield from _members(message.field, (*path, _MESSAGE_FIELD), name)
    yield from _enums(message.enum_type, (*path, _MESSAGE_ENUM), name)
    for index, nested in enumerate(message.nested_type):
        yield from _message(nested, (*path, _MESSAGE_NESTED, index), name)


def _enums(enums: Iterable[EnumDescriptorProto], path: Path, scope: str) -> Iterator[Named]:
    for index, enum in enumerate(enums):
        name = f"{scope}.{enum.name}"
        yield (*path, index), name
        yield from _members(enum.value, (*path, index, _ENUM_VALUE), name)


def _members(members: Iterable[Any], path: Path, scope: str) -> Iterator[Named]:
    for index, member in enumerate(members):
        yield (*path, index), f"{scope}.{member.name}"
