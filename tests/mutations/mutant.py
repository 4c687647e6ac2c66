"""One bug: where it is planted, and which tests must see it."""

from dataclasses import dataclass
from pathlib import Path


class DoesNotApply(Exception):
    """The text that is to be replaced is not there, or there more than once."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old` stands exactly once in `file` and becomes `new`; one of `tests` must then fail."""

    name: str
    """The bug in a sentence."""
    file: str
    old: str
    new: str
    tests: str
    """What pytest is given: paths, or paths and `-k` with names."""

    def applied(self, root: Path) -> str:
        """The text of the file with the bug in it. Raises `DoesNotApply`."""
        text = (root / self.file).read_text()
        if text.count(self.old) != 1:
            raise DoesNotApply(
                f"{self.name}: {self.file} has {text.count(self.old)} of\n{self.old}"
            )
        return text.replace(self.old, self.new)
