"""The files that are checked, and what a rule says about one."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

# Where git is absent, in an unpacked archive for example, these are not ours.
FOREIGN = frozenset({".git", ".tox", ".venv", "__pycache__", "build", "node_modules"})


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, where, and how it should be."""

    path: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


@dataclass(frozen=True)
class Source:
    """A file: its path from the root of the repository, with slashes, and its text."""

    path: str
    text: str

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @property
    def is_python(self) -> bool:
        return self.path.endswith(".py")

    @property
    def is_test(self) -> bool:
        return "tests" in Path(self.path).parts

    @property
    def service(self) -> str | None:
        """`cart` for a file of services/cart/src, else None."""
        parts = Path(self.path).parts
        if len(parts) > 3 and parts[0] == "services" and parts[2] == "src":
            return parts[1]
        return None

    @property
    def room(self) -> str | None:
        """`operations` for comptoir_cart/operations.py or comptoir_cart/operations/merge.py."""
        if self.service is None or len(Path(self.path).parts) < 5:
            return None
        return Path(self.path).parts[4].removesuffix(".py")

    def finding(self, rule: str, line: int, message: str) -> Finding:
        return Finding(self.path, line, rule, message)


def file_names(root: Path) -> list[str]:
    """All files that are or would be in git; ignored files are not ours."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    result = subprocess.run(command, cwd=root, capture_output=True, check=False)
    if result.returncode == 0:
        names = result.stdout.decode().split("\0")
    else:
        names = [
            path.relative_to(root).as_posix()
            for path in root.rglob("*")
            if not FOREIGN.intersection(path.relative_to(root).parts)
        ]
    # What is deleted but not yet committed is still listed.
    return sorted({name for name in names if name and (root / name).is_file()})


def read(root: Path, names: list[str]) -> Iterator[Source]:
    """The text files among the names."""
    for name in names:
        try:
            yield Source(name, (root / name).read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue
