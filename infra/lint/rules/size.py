"""Files, functions and procedures stay short enough to be read at once."""

import ast
from collections.abc import Iterator

from infra.lint.source import Finding, Source

RULE = "size"
FILE_LINES = 400
FUNCTION_LINES = 50
PROCEDURE_LINES = 15
# The decorators of comptoir_runtime.rpc: what they decorate is a procedure.
PROCEDURES = frozenset({"step", "batch", "query", "process", "stream", "upload"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


def check_size(source: Source) -> Iterator[Finding]:
    if not source.is_python:
        return
    if len(source.lines) > FILE_LINES:
        yield source.finding(RULE, 1, f"{len(source.lines)} lines; split it by business noun")
    for node in ast.walk(source.tree):
        if isinstance(node, Function):
            limit = PROCEDURE_LINES if is_procedure(source, node) else FUNCTION_LINES
            length = lines_of(node)
            if length > limit:
                message = f"{node.name} has {length} lines, more than {limit}"
                yield source.finding(RULE, node.lineno, message)


def is_procedure(source: Source, function: Function) -> bool:
    names = {ast.unparse(decorator).split("(")[0] for decorator in function.decorator_list}
    return source.room == "rpc" and bool(PROCEDURES & {name.split(".")[-1] for name in names})


def lines_of(function: Function) -> int:
    """Lines from `def` to the end, without the docstring: promises cost nothing."""
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length
