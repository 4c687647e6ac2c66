"""Declaring procedures, and checking the declarations before the server starts."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from comptoir_runtime.auth import Rule, rule_of
from comptoir_runtime.idempotency import is_keyed

F = TypeVar("F", bound=Callable[..., Any])
Answer = Awaitable[Message] | AsyncIterator[Message]

_MARK = "__procedure_shape__"


class Shape(Enum):
    """How a procedure is run; the values are (client streaming, server streaming, name)."""

    STEP = (False, False, "step")
    QUERY = (False, False, "query")
    PROCESS = (False, False, "process")
    STREAM = (False, True, "stream")
    UPLOAD = (True, False, "upload")
    BATCH = (False, False, "batch")


class DeclarationError(Exception):
    """A service must not start: its procedures and its proto do not fit together."""


def step(method: F) -> F:
    """One transaction, opened at the edge; repeatable by `request_id`."""
    return _marked(method, Shape.STEP)


def query(method: F) -> F:
    """Reads without a transaction: each statement sees the latest committed state."""
    return _marked(method, Shape.QUERY)


def batch(method: F) -> F:
    """Calls that wait are decided together, in one transaction and one commit.

    The method takes the requests, first come first, and a `Batch`; it answers an `Outcome` for
    each. Repeatable by `request_id`. One caller's refusal is no concern of the others.
    """
    return _marked(method, Shape.BATCH)


def process(method: F) -> F:
    """Short transactions and calls to others in turn; makes itself repeatable."""
    return _marked(method, Shape.PROCESS)


def stream(method: F) -> F:
    """An async generator: one request, many answers, for as long as the caller listens."""
    return _marked(method, Shape.STREAM)


def upload(method: F) -> F:
    """Many requests, one answer."""
    return _marked(method, Shape.UPLOAD)


def _marked(method: F, shape: Shape) -> F:
    setattr(method, _MARK, shape)
    return method


@dataclass(frozen=True)
class Binding:
    """A service of the proto and the object that answers for it."""

    descriptor: ServiceDescriptor
    implementation: object


@dataclass(frozen=True, slots=True)
class Procedure:
    """One procedure, ready to be composed."""

    path: str
    """`/package.Service/Method`, as on the wire."""
    name: str
    """`package.Service/Method`, the scope of request ids."""
    shape: Shape
    rule: Rule
    request_class: type[Message]
    keyed: bool
    """Whether the request carries a request id."""
    function: Callable[..., Any]


def procedures_of(bindings: Iterable[Binding]) -> list[Procedure]:
    """Every procedure of the bindings; raises `DeclarationError` naming all that is wrong."""
    found: list[Procedure] = []
    problems: list[str] = []
    for binding in bindings:
        for method in binding.descriptor.methods:
            try:
                found.append(_procedure(method, binding.implementation))
            except DeclarationError as error:
                problems.append(str(error))
        problems.extend(_strangers(binding))
    paths = [procedure.path for procedure in found]
    problems.extend(f"{path}: bound twice" for path in sorted(set(paths)) if paths.count(path) > 1)
    if problems:
        raise DeclarationError("; ".join(problems))
    return found


def _procedure(method: MethodDescriptor, implementation: object) -> Procedure:
    service: str = method.containing_service.full_name
    name = f"{service}/{method.name}"
    function = getattr(implementation, method.name, None)
    if function is None:
        raise DeclarationError(f"{name}: not implemented")
    shape: Shape | None = getattr(function, _MARK, None)
    if shape is None:
        raise DeclarationError(f"{name}: no @step, @batch, @query, @process, @stream or @upload")
    if shape.value[:2] != (method.client_streaming, method.server_streaming):
        raise DeclarationError(f"{name}: streaming in the proto does not fit @{shape.value[2]}")
    rule = rule_of(method)
    if rule is None:
        raise DeclarationError(f"{name}: no access option, nobody could call it")
    return Procedure(
        path=f"/{name}",
        name=name,
        shape=shape,
        rule=rule,
        request_class=GetMessageClass(method.input_type),
        keyed=is_keyed(method),
        function=function,
    )


def _strangers(binding: Binding) -> list[str]:
    known = {method.name for method in binding.descriptor.methods}
    kind = type(binding.implementation)
    return [
        f"{kind.__name__}.{name}: no such procedure in {binding.descriptor.full_name}"
        for name in dir(kind)
        if name not in known and hasattr(getattr(kind, name), _MARK)
    ]
