"""Producer sequences: gapless per kind, and each event names the one before it of its type.

The first lets a range be asked for again; the second lets a consumer that only
takes some types see that it missed one.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from comptoir_runtime.database import Connection, Row
from comptoir_runtime.outbox import statements


@dataclass(slots=True)
class _Update:
    ids: list[UUID] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    previous: list[int] = field(default_factory=list)
    types: dict[str, tuple[int, int]] = field(default_factory=dict)


class Numbering:
    """The sequences of one leader. Numbers are stored before anything is published with them."""

    def __init__(self) -> None:
        self._last_of_kind: dict[int, int] = {}
        self._last_of_type: dict[str, int] = {}

    async def load(self, connection: Connection) -> None:
        """Goes on where the last leader stopped."""
        self._last_of_kind.clear()
        self._last_of_type.clear()
        for row in await connection.fetch(statements.SEQUENCES):
            self._last_of_type[row["type"]] = row["last_seq"]
            last = self._last_of_kind.get(row["kind"], 0)
            self._last_of_kind[row["kind"]] = max(last, row["last_seq"])

    async def number(self, connection: Connection, rows: list[Row]) -> dict[UUID, tuple[int, int]]:
        """Sequence and previous sequence of the same type for each row, new or as stored."""
        numbers: dict[UUID, tuple[int, int]] = {}
        update = _Update()
        for row in rows:
            if row["producer_seq"] is not None:
                numbers[row["id"]] = (row["producer_seq"], row["previous_seq"])
                continue
            kind, name = row["kind"], row["type"]
            sequence = self._last_of_kind.get(kind, 0) + 1
            previous = self._last_of_type.get(name, 0)
            self._last_of_kind[kind] = self._last_of_type[name] = sequence
            numbers[row["id"]] = (sequence, previous)
            update.ids.append(row["id"])
            update.sequences.append(sequence)
            update.previous.append(previous)
            update.types[name] = (kind, sequence)
        if update.ids:
            await connection.execute(statements.NUMBER, *_arguments(update))
        return numbers


def _arguments(update: _Update) -> tuple[list[Any], ...]:
    names = sorted(update.types)
    kinds = [update.types[name][0] for name in names]
    last = [update.types[name][1] for name in names]
    return update.ids, update.sequences, update.previous, names, kinds, last
