"""Installs the packages of the workspace into this environment, editable.

Offline and without build isolation: all they need is in requirements/dev.txt. A
package is built again only when what it is built from has changed, the contracts
for example when a proto has.
"""

import hashlib
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STAMP = Path(sys.prefix) / "workspace.sha256"


def packages() -> list[Path]:
    """The folders of all packages; contracts first, since others import them."""
    found = [path.parent for top in ("libs", "infra", "services") for path in find(top)]
    return sorted(found, key=lambda path: (path.name != "contracts", path.as_posix()))


def find(top: str) -> list[Path]:
    return list((ROOT / top).glob("*/pyproject.toml"))


def state_of(folders: list[Path]) -> str:
    """A digest of all that decides what an editable install looks like."""
    digest = hashlib.sha256(str(ROOT).encode())
    inputs = [ROOT / "requirements" / "dev.txt", *(ROOT / "protos").rglob("*.proto")]
    for folder in folders:
        inputs += [folder / "pyproject.toml", *folder.glob("hatch_build.py")]
    inputs += (ROOT / "libs/contracts/src/comptoir_contracts").glob("*.py")
    for path in sorted(inputs):
        digest.update(path.relative_to(ROOT).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def complete() -> bool:
    """Whether what the install makes is still there; `git clean` may have taken it."""
    return (ROOT / "libs/contracts/src/comptoir_contracts/descriptors.binpb").is_file()


def main() -> int:
    folders = packages()
    state = state_of(folders)
    if complete() and STAMP.is_file() and STAMP.read_text() == state:
        return 0
    editables = [argument for folder in folders for argument in ("--editable", str(folder))]
    names = [
        tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"]
        for folder in folders
    ]
    print(f"workspace: installing {len(names)} packages")
    command = ["uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation"]
    result = subprocess.run([*command, "--python", sys.executable, *editables], check=False)
    if result.returncode == 0:
        STAMP.write_text(state)
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
