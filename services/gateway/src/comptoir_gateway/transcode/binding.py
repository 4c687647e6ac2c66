"""From a request to the message on the wire: path, query, headers and body, each field once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from comptoir_gateway import headers
from comptoir_gateway.problems import Problem, invalid
from comptoir_gateway.transcode import body as bodies
from comptoir_gateway.transcode import fields
from comptoir_gateway.transcode.codec import Codec
from comptoir_gateway.transcode.contracts import ETAG, REQUEST_ID, Operation, field_at, json_path
from comptoir_gateway.web import Request
from comptoir_runtime.errors import Violation

MAX_PARAMETERS = 500
# How deep a query may reach into messages: `near.latitude` is two.
MAX_PATH = 3


@dataclass(frozen=True, slots=True)
class Parameter:
    """A field that is given as text, and how it gets on the wire."""

    name: str
    encode: fields.Encoder
    place: Callable[[bytes], bytes]
    repeated: bool = False

    def wire(self, text: str) -> bytes:
        """The field with this value; raises a 400 problem."""
        try:
            return self.place(self.encode(text))
        except ValueError as error:
            raise invalid(Violation(self.name, str(error))) from None

    def wires(self, text: str) -> list[bytes]:
        """The field with this value, or with each of a list's; raises ValueError."""
        values = text.split(",") if self.repeated else (text,)
        return [self.place(self.encode(value)) for value in values]


def query_parameters(message: Descriptor, taken: set[str]) -> dict[str, Parameter]:
    """The parameters of a request without a body, by every name a client may use."""
    found: dict[str, Parameter] = {}
    _collect(message, [], taken, found)
    return found


def _collect(
    message: Descriptor,
    above: list[FieldDescriptor],
    taken: set[str],
    found: dict[str, Parameter],
) -> None:
    for field in message.fields:
        path = [*above, field]
        proto_name = ".".join(each.name for each in path)
        if proto_name in taken or (
            field.message_type and field.message_type.GetOptions().map_entry
        ):
            continue
        encode = fields.encoder(field)
        if encode is not None:
            name = json_path(path)
            found[name] = Parameter(name, encode, fields.placed(path), field.is_repeated)
            found[proto_name] = found[name]
        inner = _message_below(field)
        if inner is not None and len(path) < MAX_PATH:
            _collect(inner, path, taken, found)


def _message_below(field: FieldDescriptor) -> Descriptor | None:
    """The message whose fields can be given one by one."""
    kind = field.message_type
    if kind is None or field.is_repeated or kind.file.package == "google.protobuf":
        return None
    return kind


def path_parameter(message: Descriptor, path: str) -> Parameter:
    """The parameter behind a variable of the path, such as `price_list.code`."""
    along = field_at(message, path)
    encode = fields.encoder(along[-1])
    if encode is None:
        raise TypeError(f"{message.full_name}.{path} has no form as text")
    return Parameter(json_path(along), encode, fields.placed(along))


class Binder:
    """Makes the request message of one operation."""

    def __init__(self, operation: Operation, codec: Codec, body_limit: int) -> None:
        request = operation.request
        self._codec = codec
        self._limit = body_limit
        self._has_body = operation.has_body
        self._path = {name: path_parameter(request, name) for name in operation.path_fields}
        self._key = path_parameter(request, REQUEST_ID) if operation.takes_key else None
        self._needs_key = operation.needs_key
        self._version = path_parameter(request, ETAG) if operation.takes_version else None
        taken = {*self._path, REQUEST_ID, ETAG}
        self._query = {} if self._has_body else query_parameters(request, taken)

    async def bind(self, request: Request, path: Mapping[str, str]) -> bytes:
        """The message on the wire; raises a problem for whatever does not fit."""
        value: dict[str, Any] = {}
        if self._has_body:
            raw = await request.body(self._limit)
            if raw:
                given = request.headers
                headers.require_json(given.get("content-type"), given.get("content-encoding"))
            value = bodies.parse(raw)
        parts = [self._path[name].wire(text) for name, text in path.items()]
        self._compare(value, path)
        parts += self._from_headers(request, value)
        parts += self._from_query(request.query)
        if value:
            parts.insert(0, bodies.encode(self._codec, value))
        return b"".join(parts)

    def _compare(self, value: dict[str, Any], path: Mapping[str, str]) -> None:
        """What the body repeats of the path must agree with it."""
        for name, text in path.items():
            inner: Any = value
            for part in self._path[name].name.split("."):
                inner = inner.get(part) if isinstance(inner, dict) else None
            if inner not in (None, "", text):
                raise invalid(Violation(self._path[name].name, "is not what the path says"))

    def _from_headers(self, request: Request, value: dict[str, Any]) -> list[bytes]:
        parts = []
        if self._key is not None:
            key = headers.idempotency_key(request.headers.get("idempotency-key"))
            if key is None and self._needs_key:
                raise invalid(Violation(headers.IDEMPOTENCY_KEY, "this header is required"))
            for name in (self._key.name, REQUEST_ID):
                if value.get(name) not in (None, "", key):
                    description = f"is given by the header {headers.IDEMPOTENCY_KEY}"
                    raise invalid(Violation(name, description))
            if key is not None:
                parts.append(self._key.wire(key))
        if self._version is not None:
            version = headers.expected_version(request.headers.get("if-match"))
            if version is not None:
                if value.get(ETAG) not in (None, "", version):
                    raise invalid(Violation(ETAG, "is not what the header If-Match says"))
                parts.append(self._version.wire(version))
        return parts

    def _from_query(self, query: bytes) -> list[bytes]:
        if not query:
            return []
        parts: list[bytes] = []
        violations: list[Violation] = []
        seen: set[str] = set()
        for name, text in parsed_query(query):
            parameter = self._query.get(name)
            if parameter is None:
                violations.append(Violation(name, "is not a parameter of this request"))
                continue
            if parameter.name in seen and not parameter.repeated:
                violations.append(Violation(name, "is given twice"))
                continue
            seen.add(parameter.name)
            try:
                parts += parameter.wires(text)
            except ValueError as error:
                violations.append(Violation(name, str(error)))
        if violations:
            raise invalid(*violations)
        return parts


def parsed_query(query: bytes) -> list[tuple[str, str]]:
    """The parameters in the order given; raises a 400 problem."""
    try:
        return parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError:  # also what is not ASCII or not UTF-8
        raise Problem(400, "MALFORMED_QUERY", "the query cannot be read") from None
