"""Metrics, attributes and spans have their names from the registry, and nobody else types one."""

import ast
from collections.abc import Iterator

from comptoir_runtime.telemetry import names
from infra.lint.source import Finding, Source

RULE = "telemetry"
REGISTRY = "libs/runtime/src/comptoir_runtime/telemetry/names.py"
MAKERS = frozenset({"counter", "gauge", "histogram", "span"})
# Whole texts only: `rpc.method` is a name, and a file may still speak of it in a sentence.
KNOWN = frozenset(
    text for key, text in vars(names).items() if key.isupper() and isinstance(text, str)
) - {names.NAMESPACE} | {each.name for each in names.METRICS}


def check_telemetry(source: Source) -> Iterator[Finding]:
    if not source.is_python or source.is_test or source.path == REGISTRY:
        return
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(args=[ast.Constant() | ast.JoinedStr(), *_]) if maker(node):
                message = f"{maker(node)}: its name belongs into telemetry.names"
                yield source.finding(RULE, node.lineno, message)
            case ast.Constant(value=str(text)) if text in KNOWN:
                message = f"{text!r} is in telemetry.names: take it from there"
                yield source.finding(RULE, node.lineno, message)


def maker(call: ast.Call) -> str:
    """Which of the makers of instruments and spans is called, if any."""
    name = ast.unparse(call.func).rpartition(".")[2]
    return name if name in MAKERS else ""
