"""The witness: what a client asked for and what it was told, on disk before it goes on."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

Json = dict[str, Any]


@dataclass
class Purchase:
    """One order as its buyer knows it."""

    key: str
    cart: str
    total: Json
    lines: list[tuple[str, int]]
    attempts: int = 0
    answers: list[Json] = field(default_factory=list)

    @property
    def last(self) -> Json:
        """The last answer that said something; empty when there was none."""
        return self.answers[-1] if self.answers else {}

    @property
    def placed(self) -> set[str]:
        """The orders that the buyer was told stand: none, or one."""
        return {answer["order"] for answer in self.answers if answer["state"] == "STATE_PLACED"}

    @property
    def acknowledged(self) -> bool:
        """Whether the buyer was told that the order stands."""
        return bool(self.placed)

    @property
    def refused(self) -> bool:
        """Whether the buyer was told, for good, that there is no order."""
        return not self.acknowledged and self.last.get("state") == "REFUSED"


class Witness:
    """A file of JSON lines, each synced before the caller goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab", buffering=0)

    def close(self) -> None:
        self._file.close()

    def asks(self, key: str, cart: Json) -> None:
        """Before the first request of a purchase."""
        lines = [(line["sku"], line["quantity"]) for line in cart["lines"]]
        total = cart["totals"]["total"]
        self._write({"asks": key, "cart": cart["id"], "total": total, "lines": lines})

    def sends(self, key: str) -> None:
        """Before each attempt."""
        self._write({"sends": key})

    def hears(self, key: str, answer: Json) -> None:
        """After each attempt that was answered."""
        self._write({"hears": key, "answer": answer})

    def _write(self, entry: Json) -> None:
        self._file.write(orjson.dumps(entry) + b"\n")
        os.fsync(self._file.fileno())


def purchases(path: Path) -> list[Purchase]:
    """What the witness has to say: read from the disk, as after a crash of the client itself."""
    found: dict[str, Purchase] = {}
    for entry in _entries(path):
        if "asks" in entry:
            lines = [(sku, quantity) for sku, quantity in entry["lines"]]
            key = entry["asks"]
            found[key] = Purchase(key, entry["cart"], entry["total"], lines)
        elif "sends" in entry:
            found[entry["sends"]].attempts += 1
        else:
            found[entry["hears"]].answers.append(entry["answer"])
    return list(found.values())


def _entries(path: Path) -> Iterator[Json]:
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):  # a last line cut short was never relied on
            yield orjson.loads(line)
