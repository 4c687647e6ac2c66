"""What others rely on says what it promises: operations, and the members of a Protocol."""

import ast
from collections.abc import Iterator

from infra.lint.source import Finding, Source

RULE = "promise"

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def check_promises(source: Source) -> Iterator[Finding]:
    """The contracts' own promises are comments in the protos: `buf lint` looks after these."""
    if not source.is_python or source.is_test:
        return
    for name, node in (*operations_of(source), *protocols_of(source)):
        if ast.get_docstring(node) is None:
            message = f"{name} promises something to others: say what, in a docstring"
            yield source.finding(RULE, node.lineno, message)


def operations_of(source: Source) -> Iterator[tuple[str, Definition]]:
    """What an operations room offers."""
    if source.room == "operations":
        for node in source.tree.body:
            if isinstance(node, Definition) and not node.name.startswith("_"):
                yield node.name, node


def protocols_of(source: Source) -> Iterator[tuple[str, Definition]]:
    """Every Protocol, and what it asks of those who implement it."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and is_protocol(node):
            yield node.name, node
            for member in node.body:
                if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{member.name}", member


def is_protocol(node: ast.ClassDef) -> bool:
    names = {ast.unparse(base).split("[")[0] for base in node.bases}
    return not names.isdisjoint({"Protocol", "typing.Protocol"})
