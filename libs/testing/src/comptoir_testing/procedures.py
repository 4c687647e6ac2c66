"""The procedures of a service, found from its protos."""

import importlib
from dataclasses import dataclass

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from comptoir.events.v1 import events_service_pb2
from comptoir_runtime.auth import Rule, rule_of


@dataclass(frozen=True, slots=True)
class Procedure:
    """One RPC of the service under test."""

    descriptor: MethodDescriptor

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The name alone, such as `ReserveStock`."""
        name: str = self.descriptor.name
        return name

    @property
    def path(self) -> str:
        """The gRPC path."""
        return f"/{self.descriptor.containing_service.full_name}/{self.name}"

    @property
    def request_type(self) -> type[Message]:
        return GetMessageClass(self.descriptor.input_type)

    @property
    def response_type(self) -> type[Message]:
        return GetMessageClass(self.descriptor.output_type)

    @property
    def rule(self) -> Rule:
        """Its access rule; a procedure without one refuses everybody."""
        return rule_of(self.descriptor) or Rule()

    def takes(self, *fields: str) -> bool:
        """Whether the request has all of these fields."""
        return all(name in self.descriptor.input_type.fields_by_name for name in fields)

    @property
    def items(self) -> FieldDescriptor:
        """The repeated field of a List response: its first one."""
        for field in self.descriptor.output_type.fields:
            if field.is_repeated:
                return field
        raise AssertionError(f"{self.name} pages but its response has no repeated field")


def services_of(name: str) -> list[ServiceDescriptor]:
    """The gRPC services that service `name` offers: its own and the events service."""
    module = importlib.import_module(f"comptoir.{name}.v1.{name}_service_pb2")
    own = module.DESCRIPTOR.services_by_name.values()
    return [*own, *events_service_pb2.DESCRIPTOR.services_by_name.values()]


def procedures_of(name: str) -> list[Procedure]:
    """Every procedure of service `name`, in the order of its protos."""
    return [Procedure(method) for service in services_of(name) for method in service.methods]
