"""`comptoir env SERVICE`: what a service's commands need, as lines for a shell; and programs."""

import os
import shlex
import sys
from pathlib import Path

from comptoir_local.databases import DatabaseServer
from comptoir_local.embedded.binaries import postgres_programs
from comptoir_local.keys import ServiceKeys
from comptoir_local.protection import Protection
from comptoir_local.stack import BACKENDS
from comptoir_local.workspace import Workspace

NAMES = tuple(service.name for service in BACKENDS)


def show(workspace: Workspace, name: str) -> int:
    """Print them; 1 when nothing runs and no server is given."""
    known = _environment(workspace, name)
    if known is None:
        sys.stderr.write(f"nothing is running in {workspace.root}, and DATABASE_URL is not set\n")
        return 1
    for variable, text in known.items():
        sys.stdout.write(f"export {variable}={shlex.quote(text)}\n")
    # Of the server's version: an older pg_dump refuses a newer server.
    programs, _ = postgres_programs(None)
    sys.stdout.write(f'export PATH={shlex.quote(str(programs))}:"$PATH"\n')
    return 0


def _environment(workspace: Workspace, name: str) -> dict[str, str] | None:
    (service,) = (each for each in BACKENDS if each.name == name)
    state = workspace.running()
    if state is None:
        return _of_the_given_server(workspace, service.database)
    keys = ServiceKeys(workspace.keys)
    protection = Protection(Path(state["certificates"])) if state["certificates"] else None
    return {
        "DATABASE_URL": state["database_urls"][name],
        "MIGRATION_DATABASE_URL": state["owner_urls"][name],
        "NATS_URL": state["nats_urls"][name],
        "LISTEN": state["addresses"][name],
        "SERVICE_JWKS": str(keys.jwks),
        "SERVICE_KEY": str(keys.private(name)),
        **({} if protection is None else protection.told_to(service)),
    }


def _of_the_given_server(workspace: Workspace, database: str) -> dict[str, str] | None:
    """A database outlives those who serve it."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        return None
    server = DatabaseServer(url, workspace.secret("database-roles"))
    return {
        "DATABASE_URL": server.url(database),
        "MIGRATION_DATABASE_URL": server.owner_url(database),
    }
