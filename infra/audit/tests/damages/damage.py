"""What a damage is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from comptoir_audit.invariant import Row
from infra.audit.tests.story import JOURNAL

Named = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Damage:
    """`findings`: invariant and ids, of all that is found."""

    what: str
    findings: tuple[Named, ...]
    sql: Mapping[str, str] = field(default_factory=dict)
    journal: Sequence[Row] = JOURNAL

    @property
    def invariant(self) -> str:
        return self.findings[0][0]


def unchecked(table: str) -> str:
    """Drops the checks of a table."""
    return (
        "DO $$ DECLARE found text; BEGIN FOR found IN SELECT conname FROM pg_constraint"
        f" WHERE conrelid = '{table}'::regclass AND contype IN ('c', 'u') LOOP"
        f" EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', found); END LOOP; END $$;\n"
    )
