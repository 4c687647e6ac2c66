"""Where a service's migrations are, and whether a database has them."""

import ast
import importlib.util
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Revisions:
    """The migrations of one release of a service."""

    newest: str | None
    """None when it has no migration yet."""
    earlier: frozenset[str]

    def are_in(self, current: str | None) -> bool:
        """Whether a database at that revision, or at none, has been migrated by all of them.

        One that they do not know is a later release's, which has theirs before it and only adds:
        so this release runs on while the next one is rolled out, and again when that is taken back.
        """
        return self.newest is None if current is None else current not in self.earlier

    def know(self, current: str) -> bool:
        """Whether it is one of them."""
        return current == self.newest or current in self.earlier


def revisions(package: str) -> Revisions:
    """Reads the migrations of a package. Raises `LookupError` where two are the newest."""
    found: dict[str, str | None] = {}
    for file in sorted((script_location(package) / "versions").glob("*.py")):
        assigned = _constants(file)
        if (revision := assigned.get("revision")) is not None:
            found[revision] = assigned.get("down_revision")
    heads = found.keys() - set(found.values())
    if len(heads) > 1:
        raise LookupError(f"{package} has several newest migrations: {', '.join(sorted(heads))}")
    return Revisions(next(iter(heads), None), frozenset(found.keys() - heads))


async def current(session: Session) -> str | None:
    """The revision that the database is at; None when it was never migrated."""
    if not await session.fetchval(_TABLE_EXISTS):
        return None
    found: str | None = await session.fetchval(_CURRENT)
    return found


def _constants(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in ast.parse(file.read_text()).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
                found[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=value)):
                found[name] = value
    return found
