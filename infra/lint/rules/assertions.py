"""A test can fail for what it is named after: it asserts, or waits for something, or is refused."""

import ast
from collections.abc import Iterator

from infra.lint.source import Finding, Source

RULE = "assertion"
# Helpers that fail by themselves when what they are named after is not so.
CHECKING = ("accepted", "check", "expect", "refused", "require", "unchanged", "until")
RAISING = frozenset({"raises", "timeout", "wait_for", "warns"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


def check_assertions(source: Source) -> Iterator[Finding]:
    name = source.path.rsplit("/", 1)[-1]
    if not source.is_python or not name.startswith("test_"):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, Function) and node.name.startswith("test_") and not can_fail(node):
            yield source.finding(RULE, node.lineno, f"{node.name} asserts nothing")


def can_fail(test: Function) -> bool:
    return any(isinstance(node, ast.Assert) or is_check(node) for node in ast.walk(test))


def is_check(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = ast.unparse(node.func).split(".")[-1].lstrip("_")
    return name in RAISING or name.startswith(CHECKING)
