"""Finding the handler of a path. Templates are those of `google.api.http`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from comptoir_gateway.problems import Problem
from comptoir_gateway.web.exchange import Handler

_VARIABLE = re.compile(r"\{([A-Za-z0-9_.]+)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one template; `variables` in the order of the path."""

    method: str
    template: str
    handler: Handler
    variables: tuple[str, ...]
    is_probe: bool = False
    """Asked by what watches the process, again and again: it says nothing of what users meet."""


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    variable: "_Node | None" = None
    # Routes that end here, by verb (the part after ":", or "") and method.
    routes: dict[str, dict[str, Route]] = field(default_factory=dict)


class AmbiguousRoute(ValueError):
    """Two handlers for the same method and path: a mistake in the contracts."""


class Router:
    """A tree of path segments; literals win over variables."""

    def __init__(self) -> None:
        self._root = _Node()
        self.routes: list[Route] = []

    def add(self, method: str, template: str, handler: Handler, *, probe: bool = False) -> None:
        """Serves `method` on paths like `template`; raises `AmbiguousRoute`."""
        node, names = self._root, []
        *folders, last = template.removeprefix("/").split("/")
        last, _, verb = last.partition(":")
        for segment in (*folders, last):
            variable = _VARIABLE.fullmatch(segment)
            if variable is None:
                node = node.literals.setdefault(segment, _Node())
            else:
                names.append(variable[1])
                node.variable = node.variable or _Node()
                node = node.variable
        methods = node.routes.setdefault(verb, {})
        if method in methods:
            raise AmbiguousRoute(f"{method} {template}")
        methods[method] = Route(method, template, handler, tuple(names), probe)
        self.routes.append(methods[method])

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """The route and the values of its variables; raises a 404 or 405 problem."""
        segments = path.removeprefix("/").split("/")
        found = self._walk(self._root, segments, 0, [])
        if found is None:
            raise Problem(404, "ROUTE_NOT_FOUND", "there is nothing at this address")
        methods, values = found
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            raise self._wrong_method(method, methods)
        return route, {
            name: _decoded(name, value) for name, value in zip(route.variables, values, strict=True)
        }

    def allowed(self, path: str) -> list[str]:
        """The methods that are served at a path."""
        found = self._walk(self._root, path.removeprefix("/").split("/"), 0, [])
        return [] if found is None else _names(found[0])

    def _walk(
        self, node: _Node, segments: list[str], index: int, values: list[str]
    ) -> tuple[dict[str, Route], list[str]] | None:
        segment = segments[index]
        if index == len(segments) - 1:
            return self._end(node, segment, values)
        literal = node.literals.get(segment)
        if literal is not None:
            found = self._walk(literal, segments, index + 1, values)
            if found is not None:
                return found
        if node.variable is None or not segment:
            return None
        return self._walk(node.variable, segments, index + 1, [*values, segment])

    @staticmethod
    def _end(
        node: _Node, segment: str, values: list[str]
    ) -> tuple[dict[str, Route], list[str]] | None:
        stem, colon, verb = segment.rpartition(":")
        # The verb first: `{cart}:watch` is not a cart whose id ends in ":watch".
        for name, wanted in ((stem, verb), (segment, "")) if colon else ((segment, ""),):
            literal = node.literals.get(name)
            if literal is not None and wanted in literal.routes:
                return literal.routes[wanted], values
            if name and node.variable is not None and wanted in node.variable.routes:
                return node.variable.routes[wanted], [*values, name]
        return None

    @staticmethod
    def _wrong_method(method: str, methods: Mapping[str, Route]) -> Problem:
        allowed = ", ".join(_names(methods))
        detail = f"{method} is not served here, only {allowed}"
        return Problem(405, "METHOD_NOT_ALLOWED", detail, headers=((b"allow", allowed.encode()),))


def _names(methods: Mapping[str, Route]) -> list[str]:
    names = set(methods) | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    return sorted(names)


def _decoded(name: str, value: str) -> str:
    if "%" not in value:
        return value
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        detail = f"the part of the path for {name} is not UTF-8"
        raise Problem(400, "MALFORMED_PATH", detail) from None
