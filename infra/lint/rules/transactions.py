"""Who begins and ends a transaction, and how migrations wait."""

import ast
import re
from collections.abc import Iterator
from typing import TypeGuard

from infra.lint.source import Finding, Source

# As a statement of its own; the word may well stand in a text.
COMMIT = re.compile(r"^\s*(COMMIT|ROLLBACK)\s*;?\s*$", re.IGNORECASE | re.MULTILINE)
UNLIMITED = re.compile(r"lock_timeout\s*(=|TO)\s*'?0\b", re.IGNORECASE)
ENVIRONMENT = re.compile(
    r"comptoir_runtime.*^(migrations\.)?environment\(", re.DOTALL | re.MULTILINE
)
UNSEEN = re.compile(r"\bNOT VALID\b")
SEEN = re.compile(r"\bVALIDATE CONSTRAINT\b")
# One place commits; the migrations run outside of services' transactions.
ALLOWED = (
    "libs/runtime/src/comptoir_runtime/database/",
    "libs/runtime/src/comptoir_runtime/migrations/",
)


def check_commits(source: Source) -> Iterator[Finding]:
    """Only the database package of the runtime says commit."""
    ours = source.service is not None or source.path.startswith("libs/runtime/src/")
    if not ours or not source.is_python or source.path.startswith(ALLOWED):
        return
    message = "only comptoir_runtime.database commits; take a session, or transactions"
    for node in ast.walk(source.tree):
        if ends_transaction(node):
            yield source.finding("commit", node.lineno, message)


def ends_transaction(node: ast.AST) -> TypeGuard[ast.expr]:
    match node:
        case ast.Call(func=ast.Attribute(attr="commit" | "rollback")):
            return True
        case ast.Constant(value=str(text)):
            return COMMIT.search(text) is not None
    return False


def check_collisions(source: Source) -> Iterator[Finding]:
    """Whoever writes has their transaction run: one that collides is tried again there."""
    ours = source.path.startswith(("services/", "libs/runtime/")) and "/src/" in source.path
    if not ours or not source.is_python or source.path.startswith(ALLOWED):
        return
    message = "have it run, `await transactions.run(body)`: what collides is tried again"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.AsyncWith) and any(map(_begins_one, node.items)):
            yield source.finding("collision", node.lineno, message)


def _begins_one(item: ast.withitem) -> bool:
    match item.context_expr:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name.endswith("transactions")
    return False


def check_migrations(source: Source) -> Iterator[Finding]:
    """Migrations run in the runtime's environment, which limits how long they wait for locks."""
    if not source.path.startswith("services/") or "/migrations/" not in source.path:
        return
    if source.path.endswith("/env.py") and not ENVIRONMENT.search(source.text):
        message = "call comptoir_runtime.migrations.environment: it sets the lock timeout"
        yield source.finding("migration", 1, message)
    for number, line in enumerate(source.lines, 1):
        if UNLIMITED.search(line):
            yield source.finding("migration", number, "a migration may not wait without end")
    if not source.is_python:
        return
    for number in indexes_built_in_the_way(source):
        message = "the table may be large: comptoir_runtime.migrations.indexes makes nobody wait"
        yield source.finding("index", number, message)
    for number in rows_looked_at_in_the_way(source):
        message = "look at the rows in a transaction of its own: this one keeps everybody away"
        yield source.finding("validate", number, message)


def indexes_built_in_the_way(source: Source) -> Iterator[int]:
    """Lines that build an index of a table which the same migration does not create."""
    created = {name for _, name in calls_of(source, "create_table", 0)}
    for line, table in calls_of(source, "create_index", 1):
        if table not in created:
            yield line


def rows_looked_at_in_the_way(source: Source) -> Iterator[int]:
    """Lines that validate a constraint of the same migration, while its table is locked for it."""
    if UNSEEN.search(source.text) is None or "autocommit_block" in source.text:
        return
    for number, line in enumerate(source.lines, 1):
        if SEEN.search(line):
            yield number


def calls_of(source: Source, operation: str, position: int) -> Iterator[tuple[int, str]]:
    """Calls of one of Alembic's operations: where, and the text given at that position."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name), args=arguments) if name == operation:
                match arguments[position]:
                    case ast.Constant(value=str(text)):
                        yield node.lineno, text
