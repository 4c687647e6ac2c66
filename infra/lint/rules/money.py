"""Money is integer minor units: nothing on its path is a float."""

import ast
from collections.abc import Iterator

from infra.lint.source import Finding, Source

RULE = "money"
SERVICES = frozenset({"cart", "orders", "payments"})
# The rooms where amounts pass; waiting times are floats in the others.
ROOMS = frozenset({"convert", "domain", "events", "operations", "policies", "store", "tables"})
MODULES = frozenset({"libs/runtime/src/comptoir_runtime/money.py"})
# What these names end with is no amount: places, lengths and waiting times.
MEASURES = ("deadline", "distance_km", "latitude", "longitude", "patience", "seconds", "timeout")


def check_money(source: Source) -> Iterator[Finding]:
    handles_money = source.service in SERVICES and source.room in ROOMS
    if not source.is_python or not (handles_money or source.path in MODULES):
        return
    measures = set(parts_of_measures(source.tree))
    for node in ast.walk(source.tree):
        if isinstance(node, ast.expr | ast.stmt) and node not in measures:
            found = float_in(node)
            if found:
                yield source.finding(RULE, node.lineno, f"{found}: amounts are integer minor units")


def parts_of_measures(tree: ast.Module) -> Iterator[ast.AST]:
    """All parts of the types and values of what is no amount by its name."""
    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                if name.lower().endswith(MEASURES):
                    yield from ast.walk(node)
            case ast.arguments():
                for parameter, default in with_defaults(node):
                    if parameter.arg.endswith(MEASURES):
                        yield from ast.walk(parameter)
                        yield from ast.walk(default) if default else ()


def with_defaults(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    missing = [None] * (len(positional) - len(arguments.defaults))
    yield from zip(positional, [*missing, *arguments.defaults], strict=True)
    yield from zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)


def float_in(node: ast.expr | ast.stmt) -> str | None:
    """What makes a float of this node, if anything does."""
    match node:
        case ast.Constant(value=float(value)):
            return f"the literal {value}"
        case ast.Name(id="float"):
            return "float"
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            return "true division; use // or money.round_half_up"
    return None
