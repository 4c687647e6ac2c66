"""Producer sequences: gapless per kind, and each event names the one before it of its type.

The first lets a range be asked for again; the second lets a consumer that only
takes some types see that it missed one.

A number is stored together with the mark that its event was published. After a
crash in between it is found in the stream (see `recovery`), and since a chain
is stored from its beginning, nobody has seen the numbers that are not there.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from comptoir_runtime.database import Connection, Row
from comptoir_runtime.outbox import statements


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event with its place among all events of its kind, and the place of the one before it."""

    row: Row
    sequence: int
    previous: int


class Numbering:
    """The sequences of one leader."""

    def __init__(self) -> None:
        self._last_of_kind: dict[int, int] = {}
        self._last_of_type: dict[str, int] = {}

    async def load(self, connection: Connection) -> None:
        """Goes on behind what the database knows to be published."""
        self._last_of_kind.clear()
        self._last_of_type.clear()
        for row in await connection.fetch(statements.SEQUENCES):
            self._last_of_type[row["type"]] = row["last_seq"]
            last = self._last_of_kind.get(row["kind"], 0)
            self._last_of_kind[row["kind"]] = max(last, row["last_seq"])

    def assign(self, rows: Iterable[Row]) -> list[Numbered]:
        """Each row with its number, new or as it was published before."""
        return [self._number(row) for row in rows]

    def _number(self, row: Row) -> Numbered:
        if row["producer_seq"] is not None:
            return Numbered(row, row["producer_seq"], row["previous_seq"])
        kind, name = row["kind"], row["type"]
        sequence = self._last_of_kind.get(kind, 0) + 1
        previous = self._last_of_type.get(name, 0)
        self._last_of_kind[kind] = self._last_of_type[name] = sequence
        return Numbered(row, sequence, previous)


def last_of_types(numbers: Iterable[tuple[str, int, int]]) -> Sequence[list[Any]]:
    """Of (type, kind, sequence) the last sequence of each type, as arguments of a statement."""
    last: dict[str, tuple[int, int]] = {}
    for name, kind, sequence in numbers:
        if sequence > last.get(name, (0, 0))[1]:
            last[name] = (kind, sequence)
    names = sorted(last)
    return names, [last[name][0] for name in names], [last[name][1] for name in names]
