"""Exceptions from the rules: few, named, each with its reason."""

import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from infra.lint.source import Finding

SHORTEST_REASON = 15


@dataclass
class Exempted:
    """One entry of exceptions.toml."""

    rule: str
    path: str
    reason: str
    name: str = ""
    used: bool = False

    def covers(self, finding: Finding) -> bool:
        return (
            finding.rule == self.rule
            and fnmatchcase(finding.path, self.path)
            and f"{self.name} " in f"{finding.message} "
        )


@dataclass
class Exceptions:
    """All entries, and which of them were needed."""

    path: str
    entries: list[Exempted] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path) -> "Exceptions":
        """Reads the file; an entry without a proper reason is an error."""
        entries = [
            Exempted(**entry) for entry in tomllib.loads(path.read_text()).get("exception", [])
        ]
        for entry in entries:
            if len(entry.reason) < SHORTEST_REASON:
                raise ValueError(f"{path}: the exception for {entry.path} gives no reason")
        return cls(path.name, entries)

    def cover(self, finding: Finding) -> bool:
        """Whether an entry allows this finding; remembers that it was needed."""
        for entry in self.entries:
            if entry.covers(finding):
                entry.used = True
                return True
        return False

    def unused(self) -> list[Finding]:
        """A finding for each entry that covered nothing."""
        return [
            Finding(self.path, 0, "exception", f"nothing needs the one for {entry.path} any more")
            for entry in self.entries
            if not entry.used
        ]
