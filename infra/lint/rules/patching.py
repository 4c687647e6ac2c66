"""Tests hand in fakes; they replace nothing by the path of its name."""

import ast
from collections.abc import Iterator

from infra.lint.source import Finding, Source

RULE = "patching"
BY_PATH = frozenset({"patch", "patch.dict", "patch.multiple"})


def check_patching(source: Source) -> Iterator[Finding]:
    if not source.is_python:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and patches_by_path(node):
            message = "a string path breaks silently when code moves; hand in a fake"
            yield source.finding(RULE, node.lineno, message)


def patches_by_path(call: ast.Call) -> bool:
    name = ast.unparse(call.func)
    first = call.args[0] if call.args else None
    text = isinstance(first, ast.Constant) and isinstance(first.value, str)
    if any(name == known or name.endswith(f".{known}") for known in BY_PATH):
        # client.patch("/v1/carts") is an HTTP verb: paths of names have no slash.
        return text and "/" not in str(getattr(first, "value", ""))
    # monkeypatch.setattr("package.name", value); with an object first it is checked.
    return name.endswith("monkeypatch.setattr") and text
