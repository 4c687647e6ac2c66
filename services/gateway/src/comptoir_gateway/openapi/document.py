"""The OpenAPI 3.1 document, made from the contracts."""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

from comptoir.options.v1 import access_pb2
from comptoir_gateway.openapi.comments import comments
from comptoir_gateway.openapi.pages import PAGE_SCHEMAS, page_paths
from comptoir_gateway.openapi.schemas import Schema, Schemas, example, must_be_given
from comptoir_gateway.transcode.binding import Parameter, query_parameters
from comptoir_gateway.transcode.contracts import (
    ETAG,
    REQUEST_ID,
    Operation,
    field_at,
    json_path,
)

_INTRODUCTION = """\
Open commerce over HTTP/JSON: one stock, one cart and one customer on every channel.

Amounts are decimal texts with exactly the currency's digits. Times are RFC 3339, UTC. Lists
answer `nextPageToken`; give it back as `pageToken`. Writes that move money or stock take an
`Idempotency-Key`: the same key with the same body gives the same answer. `If-Match` with an
`ETag` makes a change conditional. Every refusal is a problem (RFC 9457) whose `reason` is
stable and made for programs.
"""
_PROBLEM_TEXTS = {
    "400": "The request is not valid; `violations` name the fields.",
    "401": "The access token, or what else proves who calls, is missing or not valid.",
    "403": "The caller may not do this.",
    "404": "There is no such thing, or not for this caller.",
    "408": "The body came too slowly.",
    "409": "The state of things forbids it; see `reason`.",
    "412": "The resource has changed since: `If-Match` does not match.",
    "413": "The body is too large.",
    "415": "The body is not plain `application/json` in UTF-8.",
    "422": "The `Idempotency-Key` was used with another body.",
    "429": "Too much at once; `Retry-After` says when to try again.",
    "503": "A part of the platform cannot be reached; try again.",
    "504": "The answer took too long; try again.",
}
ALWAYS = ("400", "401", "404", "429", "503", "504")
"""Whatever is asked: a token that is none is refused everywhere, a thing may be named anywhere."""
WITH_BODY = ("408", "413", "415")


class Document:
    """Collects paths and components."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._operations = list(operations)
        self._comments = comments()
        self._schemas = Schemas(self._comments, self._operations)

    def build(self) -> dict[str, Any]:
        """The whole document."""
        paths: dict[str, dict[str, Any]] = {}
        for operation in self._operations:
            template = _template(operation)
            paths.setdefault(template, {})[operation.verb.lower()] = self._operation(operation)
        for template, item in page_paths().items():
            paths.setdefault(template, {}).update(item)
        schemas = {**self._schemas.components, **PAGE_SCHEMAS}
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "Comptoir",
                "version": version("comptoir-gateway"),
                "description": _INTRODUCTION,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "tags": self._tags(),
            "paths": paths,
            "components": {
                "schemas": dict(sorted(schemas.items())),
                "responses": problem_responses(),
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
                },
            },
        }

    def _tags(self) -> list[dict[str, str]]:
        services = dict.fromkeys(
            (each.service, each.method.containing_service) for each in self._operations
        )
        tags = [
            {"name": name, "description": self._comments.get(service.full_name, "")}
            for name, service in services
        ]
        return [
            *tags,
            {"name": "pages", "description": "Several services in one answer."},
            {"name": "platform", "description": "Health, keys and notices."},
        ]

    def _operation(self, operation: Operation) -> dict[str, Any]:
        text = self._comments.get(operation.method.full_name, "")
        summary = text.partition(". ")[0].rstrip(".")
        name = operation.method.name
        item: dict[str, Any] = {
            "operationId": name[0].lower() + name[1:],
            "tags": [operation.service],
            "summary": summary,
            "description": f"{text}\n\n{who_may(operation.access)}",
            "parameters": self._parameters(operation),
            "responses": self._responses(operation),
            "security": security(operation.access),
        }
        if operation.has_body:
            skipped = {REQUEST_ID, ETAG, *operation.path_fields}
            schema = self._schemas.body(operation)
            item["requestBody"] = {
                "required": bool(schema.get("required")),  # no body is an empty one
                "content": {
                    "application/json": {
                        "schema": schema,
                        "example": example(operation.request, skipped),
                    }
                },
            }
        return item

    def _parameters(self, operation: Operation) -> list[dict[str, Any]]:
        found = [self._path_parameter(operation, path) for path in operation.path_fields]
        if not operation.has_body:
            found += self._query_parameters(operation)
        if operation.takes_key:
            found.append(_header("Idempotency-Key", _KEY, required=operation.needs_key))
        if operation.takes_version:
            found.append(_header("If-Match", "The ETag of the version the change is made on."))
        if _may_be_held(operation):
            found.append(_header("If-None-Match", "The ETag the client has; 304 when it holds."))
        return found

    def _path_parameter(self, operation: Operation, path: str) -> dict[str, Any]:
        along = field_at(operation.request, path)
        schema = self._schemas.field(along[-1])
        return {
            "name": json_path(along),
            "in": "path",
            "required": True,
            "description": schema.pop("description", ""),
            "schema": schema,
        }

    def _query_parameters(self, operation: Operation) -> list[dict[str, Any]]:
        taken = {*operation.path_fields, REQUEST_ID, ETAG}
        parameters = query_parameters(operation.request, taken)
        return [
            self._query_parameter(operation, name, parameter)
            for name, parameter in parameters.items()
            if name == parameter.name and "." not in name
        ]

    def _query_parameter(
        self, operation: Operation, name: str, parameter: Parameter
    ) -> dict[str, Any]:
        field = next(each for each in operation.request.fields if each.json_name == name)
        schema = self._schemas.field(field)
        description = schema.pop("description", "")
        if "$ref" in schema:  # as text: latitude,longitude
            schema = {"type": "string", "examples": ["45.76,4.83"]}
        found: dict[str, Any] = {
            "name": name,
            "in": "query",
            "description": description,
            "schema": schema,
        }
        if parameter.repeated:
            found |= {"style": "form", "explode": False}
        if must_be_given(field):
            found["required"] = True
        return found

    def _responses(self, operation: Operation) -> dict[str, Any]:
        schema = self._schemas.reference(operation.response)
        if operation.streaming:
            content: dict[str, Any] = {
                "text/event-stream": {
                    "schema": {
                        "type": "string",
                        "description": "Each event's data is one JSON document.",
                        "x-event-schema": schema,
                    }
                }
            }
        else:
            content = {"application/json": {"schema": schema}}
        text = self._comments.get(operation.response.full_name, "The answer.")
        codes = [*ALWAYS, *(() if operation.access.anyone else ("403",))]
        if operation.has_body:
            codes += WITH_BODY
        if operation.verb != "GET":
            codes += ["409", *(("422",) if operation.takes_key else ())]
        if operation.takes_version:
            codes.append("412")
        problems = {code: {"$ref": f"#/components/responses/{code}"} for code in sorted(codes)}
        held = {"304": {"description": "The client has it already."}}
        return {
            "200": {"description": text, "content": content},
            **(held if _may_be_held(operation) else {}),
            **problems,
        }


_KEY = "Makes the call repeatable: 1 to 255 printable ASCII characters, fresh for each intent."


def problem_responses() -> dict[str, Any]:
    """The refusals, by status."""
    return {
        code: {
            "description": text,
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
        }
        for code, text in _PROBLEM_TEXTS.items()
    }


def security(access: access_pb2.Access) -> list[dict[str, list[str]]]:
    """Whether a token is needed; an empty choice means that none is."""
    token: dict[str, list[str]] = {"bearer": []}
    return [{}, token] if access.anyone else [token]


def who_may(access: access_pb2.Access) -> str:
    """Who may call, in a sentence."""
    callers = []
    if access.anyone:
        callers.append("anyone")
    if access.owner:
        callers.append("the visitor or customer it belongs to")
    if access.permissions:
        names = " or ".join(f"`{each}`" for each in access.permissions)
        callers.append(f"staff with the permission {names}")
    return f"For {', '.join(callers) or 'other services'}."


def _may_be_held(operation: Operation) -> bool:
    """Whether a client may have the answer already, and ask about its version."""
    return operation.verb == "GET" and ETAG in operation.response.fields_by_name


def _template(operation: Operation) -> str:
    """The path with the names of its parameters as clients know them."""
    template = operation.template
    for path in operation.path_fields:
        name = json_path(field_at(operation.request, path))
        template = template.replace(f"{{{path}}}", f"{{{name}}}")
    return template


def _header(name: str, text: str, *, required: bool = False) -> dict[str, Any]:
    schema: Schema = {"type": "string", "minLength": 1, "maxLength": 255}
    found: dict[str, Any] = {"name": name, "in": "header", "description": text, "schema": schema}
    return found | ({"required": True} if required else {})


def build(operations: Iterable[Operation]) -> Mapping[str, Any]:
    """The document of these operations and of the compositions."""
    return Document(operations).build()
