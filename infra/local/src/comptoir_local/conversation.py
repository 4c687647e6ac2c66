"""Who says what to whom on NATS, read from the code of the services.

Read, not imported: two services are never loaded into one process. So subscriptions, followers and
listeners name their types where they are made, and what cannot be read is an error.
"""

import ast
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

from comptoir_local.stack import BACKENDS, SERVICES
from comptoir_runtime.bus.permissions import Part
from comptoir_runtime.event_options import EventType, event_type, event_types_of

SOURCES = Path(__file__).resolve().parents[4] / "services"


class CannotBeRead(Exception):
    """No code is there, or a call names its types in a way this does not understand."""


class _Module:
    """One file: what its names stand for, and the calls in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tree = ast.parse(path.read_text())
        self._names: dict[str, str] = {}
        self._lists: dict[str, ast.expr] = {}
        for node in ast.walk(self._tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for each in node.names:
                    self._names[each.asname or each.name] = f"{node.module}.{each.name}"
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self._lists[node.targets[0].id] = node.value

    def types(self, function: str, of: Callable[[ast.Call], ast.expr]) -> Iterator[EventType]:
        """Of each call of `function` the types in the argument that `of` chooses."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call) and _called(node) == function:
                yield from self._each(node, of(node))

    def _each(self, call: ast.Call, argument: ast.expr) -> Iterator[EventType]:
        match argument:
            case ast.Dict(keys=keys):
                messages: list[ast.expr | None] = list(keys)
            case ast.List(elts=elements) | ast.Tuple(elts=elements):
                messages = list(elements)
            case ast.Name(id=name) if name in self._lists:
                yield from self._each(call, self._lists[name])
                return
            case _:
                messages = [argument]
        for message in messages:
            yield event_type(self._message(call, message))

    def _message(self, call: ast.Call, expression: ast.expr | None) -> type:
        match expression:
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in self._names:
                return _import(self._names[module], name)
            case ast.Name(id=name) if name in self._names:
                module, _, name = self._names[name].rpartition(".")
                return _import(module, name)
        raise CannotBeRead(f"{self._path}:{call.lineno}: {ast.unparse(call)}")


def parts(sources: Path = SOURCES) -> list[Part]:
    """Every service's part. `sources` has a folder for each."""
    return [_part(service.name, sources) for service in SERVICES]


def _part(service: str, sources: Path) -> Part:
    folder = sources / service / "src" / f"comptoir_{service}"
    modules = [_Module(path) for path in sorted(folder.rglob("*.py"))]
    if not modules:  # who says nothing would be allowed nothing, and nobody would know why
        raise CannotBeRead(f"{folder}: no code")

    def found(function: str, argument: int) -> list[EventType]:
        kinds = {each for module in modules for each in module.types(function, _nth(argument))}
        return sorted(kinds, key=lambda each: each.name)

    return Part(
        service=service,
        owns=event_types_of(service) if service in {each.name for each in BACKENDS} else (),
        consumes=found("Subscription", 1),
        follows=found("Follower", 1),
        hears=found("signals", 1),
    )


def _import(module: str, name: str) -> type:
    found: type = getattr(importlib.import_module(module), name)
    return found


def _nth(argument: int) -> Callable[[ast.Call], ast.expr]:
    return lambda call: call.args[argument]


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""
