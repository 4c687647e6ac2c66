"""Events of a service that exists only in these tests."""

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from comptoir.options.v1 import event_pb2

SERVICE = "runtimetest"
_FIELD = descriptor_pb2.FieldDescriptorProto


@cache
def _messages() -> dict[str, type[Message]]:
    file = descriptor_pb2.FileDescriptorProto(
        name="comptoir/runtimetest/v1/events.proto",
        package="comptoir.runtimetest.v1",
        syntax="proto3",
        dependency=["comptoir/options/v1/event.proto"],
    )
    for name, kind, key in (
        ("ThingHappened", event_pb2.Event.KIND_FACT, "thing_id"),
        ("ThingEnded", event_pb2.Event.KIND_FACT, "thing_id"),
        ("ThingState", event_pb2.Event.KIND_STATE, "thing_id"),
        ("ThingTouched", event_pb2.Event.KIND_SIGNAL, "thing_id"),
        ("ThingWithoutKind", event_pb2.Event.KIND_UNSPECIFIED, "thing_id"),
        ("ThingWithNumber", event_pb2.Event.KIND_FACT, "number"),
        ("NoEvent", None, ""),
    ):
        message = file.message_type.add(name=name)
        message.field.add(
            name="thing_id", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL
        )
        message.field.add(
            name="number", number=2, type=_FIELD.TYPE_INT32, label=_FIELD.LABEL_OPTIONAL
        )
        if kind is not None:
            message.options.Extensions[event_pb2.event].kind = kind
            message.options.Extensions[event_pb2.event].key = key
    for name in ("ListThings", "ListOthers"):
        message = file.message_type.add(name=name)
        for number, (field, form) in enumerate(
            (
                ("page_size", _FIELD.TYPE_INT32),
                ("page_token", _FIELD.TYPE_STRING),
                ("filter", _FIELD.TYPE_STRING),
            ),
            start=1,
        ):
            message.field.add(name=field, number=number, type=form, label=_FIELD.LABEL_OPTIONAL)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    names = [message.name for message in file.message_type]
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"comptoir.runtimetest.v1.{name}")
        )
        for name in names
    }


def __getattr__(name: str) -> Any:
    try:
        return _messages()[name]
    except KeyError:
        raise AttributeError(name) from None
