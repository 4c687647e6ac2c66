"""What the contracts say of the public procedures: their routes, bodies and callers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from google.api import annotations_pb2
from google.protobuf.descriptor import (
    Descriptor,
    FieldDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)

from buf.validate import validate_pb2
from comptoir.options.v1 import access_pb2

REQUEST_ID = "request_id"
ETAG = "etag"


@dataclass(frozen=True)
class Operation:
    """One procedure on one route."""

    service: str
    """Name of the process that offers it, such as "cart"."""
    method: MethodDescriptor
    verb: str
    """HTTP method."""
    template: str
    """Path such as `/v1/carts/{cart}/lines/{line}`."""
    has_body: bool

    @property
    def request(self) -> Descriptor:
        return self.method.input_type

    @property
    def response(self) -> Descriptor:
        return self.method.output_type

    @property
    def streaming(self) -> bool:
        return bool(self.method.server_streaming)

    @property
    def access(self) -> access_pb2.Access:
        """Who may call."""
        return self.method.GetOptions().Extensions[access_pb2.access]

    @property
    def takes_key(self) -> bool:
        """Whether an Idempotency-Key is passed on."""
        return REQUEST_ID in self.request.fields_by_name

    @property
    def needs_key(self) -> bool:
        """Whether an Idempotency-Key must be given."""
        return self.takes_key and rules(self.request.fields_by_name[REQUEST_ID]).string.min_len > 0

    @property
    def takes_version(self) -> bool:
        """Whether an If-Match is passed on."""
        return self.verb != "GET" and ETAG in self.request.fields_by_name

    @property
    def path_fields(self) -> list[str]:
        """The paths of the fields that the path gives, such as `price_list.code`."""
        return [part.split("}")[0] for part in self.template.split("{")[1:]]


class UnsupportedRoute(ValueError):
    """A google.api.http rule the gateway does not serve: a mistake in the contracts."""


def operations(services: Mapping[str, ServiceDescriptor]) -> Iterator[Operation]:
    """Every procedure with a route, in the order of the contracts."""
    for name, service in services.items():
        for method in service.methods:
            options = method.GetOptions()
            if not options.HasExtension(annotations_pb2.http):
                continue
            rule = options.Extensions[annotations_pb2.http]
            verb = rule.WhichOneof("pattern")
            if verb in (None, "custom") or rule.body not in ("", "*") or rule.additional_bindings:
                raise UnsupportedRoute(method.full_name)
            yield Operation(name, method, verb.upper(), getattr(rule, verb), rule.body == "*")


def rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    """The constraints on a field."""
    return field.GetOptions().Extensions[validate_pb2.field]


def field_at(message: Descriptor, path: str) -> list[FieldDescriptor]:
    """The fields along a path such as `price_list.code`; KeyError when there is none."""
    fields: list[FieldDescriptor] = []
    scope: Descriptor | None = message
    for name in path.split("."):
        if scope is None:
            raise KeyError(path)
        fields.append(scope.fields_by_name[name])
        scope = fields[-1].message_type
    return fields


def json_path(fields: Iterable[FieldDescriptor]) -> str:
    """A path as clients write it."""
    return ".".join(field.json_name for field in fields)


def reachable(root: Descriptor) -> Iterator[Descriptor]:
    """A message and all it may hold, each once."""
    seen: dict[str, Descriptor] = {}
    waiting = [root]
    while waiting:
        message = waiting.pop()
        if message.full_name in seen:
            continue
        seen[message.full_name] = message
        waiting += [each.message_type for each in message.fields if each.message_type is not None]
    yield from seen.values()


def has_choices(root: Descriptor) -> bool:
    """Whether a message or what it may hold has a `oneof`."""
    return any(
        len(oneof.fields) > 1  # an `optional` field is a choice of one
        for message in reachable(root)
        for oneof in message.oneofs
    )
