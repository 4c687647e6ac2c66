"""Where a service's migrations are, and which is the newest."""

import ast
import importlib.util
from pathlib import Path
from typing import Any

from comptoir_runtime.database import Session

_CURRENT = "SELECT version_num FROM alembic_version"
_TABLE_EXISTS = "SELECT to_regclass('alembic_version') IS NOT NULL"


def script_location(package: str) -> Path:
    """The folder with `env.py` and `versions/` of an importable package.

    In an installed wheel it is `migrations/` inside the package, in a source checkout
    `migrations/` beside `src/`. Raises `LookupError` when there is none.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise LookupError(f"{package} is not an importable package")
    inside = Path(next(iter(spec.submodule_search_locations)))
    for folder in (inside, inside / "migrations", inside.parent.parent / "migrations"):
        if (folder / "versions").is_dir():
            return folder
    raise LookupError(f"{package} has no migrations folder")


def head(package: str) -> str | None:
    """The newest revision of the package; None when it has no migration yet."""
    revisions: dict[str, str | None] = {}
    for file in sorted((script_location(package) / "versions").glob("*.py")):
        assigned = _constants(file)
        if (revision := assigned.get("revision")) is not None:
            revisions[revision] = assigned.get("down_revision")
    heads = revisions.keys() - set(revisions.values())
    if len(heads) > 1:
        raise LookupError(f"{package} has several newest migrations: {', '.join(sorted(heads))}")
    return next(iter(heads), None)


async def at_head(session: Session, newest: str | None) -> bool:
    """Whether the database has been migrated to `newest` (see `head`)."""
    if not await session.fetchval(_TABLE_EXISTS):
        return newest is None
    return bool(await session.fetchval(_CURRENT) == newest)


def _constants(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in ast.parse(file.read_text()).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
                found[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=value)):
                found[name] = value
    return found
