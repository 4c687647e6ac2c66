"""Checks the contracts: their style, and that no promise to callers is broken.

buf reads images made by the same compiler that makes the Python code, because the
annotations of protovalidate exist only as a descriptor. The contracts are compared
with those of the main branch.
"""

import io
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

from comptoir_contracts import generate

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "protos" / "buf.yaml"
# Of a fresh clone only the second exists when another branch is checked out.
MAIN = ("refs/heads/main", "refs/remotes/origin/main")


def build_image(protos: Path, scratch: Path) -> Path:
    """A descriptor set of the protos, with imports and source positions, for buf."""
    generate.generate(protos, scratch)
    image = scratch / "image.binpb"
    (scratch / generate.DESCRIPTORS).rename(image)
    return image


def buf(*arguments: str | Path) -> bool:
    """Runs buf; True when it found nothing."""
    command = ["buf", *map(str, arguments), "--config", str(CONFIGURATION)]
    return subprocess.run(command, check=False).returncode == 0


def git(repository: Path, *arguments: str) -> bytes | None:
    """What git answers, or None when it refuses."""
    command = ["git", "-C", str(repository), *arguments]
    result = subprocess.run(command, check=False, capture_output=True)
    return result.stdout if result.returncode == 0 else None


def protos_of_main(repository: Path, target: Path) -> str | None:
    """Unpacks the protos of the main branch below target.

    Returns None, or why there is nothing to compare with.
    """
    if git(repository, "rev-parse", "--git-dir") is None:
        return "this is no git checkout"
    for reference in MAIN:
        if git(repository, "rev-parse", "--verify", "--quiet", reference) is None:
            continue
        archive = git(repository, "archive", "--format=zip", reference, "protos/comptoir")
        if archive is None:
            return f"{reference} has no protos yet"
        with ZipFile(io.BytesIO(archive)) as packed:
            packed.extractall(target)
        return None
    return "there is no branch main, here or at origin"


def check_compatibility(image: Path, scratch: Path, repository: Path = ROOT) -> bool:
    """Whether callers of the main branch's contracts can go on."""
    why_not = protos_of_main(repository, scratch)
    if why_not is not None:
        print(f"protos: compatibility not checked: {why_not}")
        return True
    old = build_image(scratch / "protos", scratch / "old")
    return buf("breaking", image, "--against", old)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="comptoir-protos-") as name:
        scratch = Path(name)
        image = build_image(ROOT / "protos", scratch / "new")
        clean = buf("lint", image)
        compatible = check_compatibility(image, scratch)
    return 0 if clean and compatible else 1


if __name__ == "__main__":
    sys.exit(main())
