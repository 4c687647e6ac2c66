"""Which room a line belongs to, by what it imports.

import-linter knows which room may import which; this knows what each room may
import from outside.
"""

import ast
from collections.abc import Iterator

from infra.lint.source import Finding, Source

RULE = "room"
CONTRACTS = frozenset({"comptoir", "grpc"})
STORAGE = frozenset({"alembic", "asyncpg", "psycopg", "sqlalchemy", "sqlmodel"})
NETWORK = frozenset({"aiohttp", "httpx", "nats", "socket", "starlette", "urllib"})
# Where a provider or neighbour is called over the network.
CALLERS = frozenset({"clients", "providers"})
EDGES = frozenset({"__main__", "rpc", "subscribers", "convert", "events", "clients", "settings"})
IMPURE_RUNTIME = frozenset({"auth", "bus", "channel", "database", "outbox", "rpc", "server"})
PURE = frozenset({"domain", "policies", "errors"})


def check_rooms(source: Source) -> Iterator[Finding]:
    room = source.room
    if room is None or not source.is_python or source.service == "gateway" or room == "migrations":
        return
    for line, module in imports(source.tree):
        reason = misplaced(room, module)
        if reason:
            yield source.finding(RULE, line, f"{module} in {room}: {reason}")


def misplaced(room: str, module: str) -> str | None:
    """Why a room may not import a module, or None."""
    top = module.split(".", maxsplit=1)[0]
    if top in CONTRACTS and room not in EDGES:
        return "contracts and gRPC stay in rpc, subscribers, convert, events and clients"
    if top in STORAGE and room not in {"store", "tables", "__main__"}:
        return "SQL and its libraries stay in store and tables"
    if top in NETWORK and room not in CALLERS | {"__main__"}:
        return "the network is for clients and providers"
    if room in PURE and top == "comptoir_runtime" and IMPURE_RUNTIME & set(module.split(".")):
        return "rules are pure: values in, values out"
    return None


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported; for `from a import b` both a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            if node.module == "comptoir_runtime":
                yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)
            else:
                yield node.lineno, node.module
