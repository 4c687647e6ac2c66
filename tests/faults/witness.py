"""The witness: what people asked for and what they were told, on disk before they go on."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import orjson

Json = dict[str, Any]


class Part(NamedTuple):
    """One means of payment of an order; `purse` when it is a balance of ours."""

    method: str
    amount: int
    purse: str = ""


@dataclass
class Purchase:
    """One order as its buyer knows it."""

    key: str
    cart: str
    total: Json
    lines: list[tuple[str, int]]
    parts: list[Part]
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


class Deed(StrEnum):
    """What else is asked for."""

    CANCEL = "cancel"
    """Of an order."""
    SHIP = "ship"
    """Of a parcel."""
    REFUND = "refund"
    """Of a payment, by an amount."""
    FILL = "fill"
    """Of a gift card or store credit that the answer names, by an amount."""
    BOUNCE = "fail_refund"
    """Of a refund of a payment: its payer's bank sends an amount back."""
    DISPUTE = "dispute"
    """Of a payment: its payer's bank takes an amount back until it has decided."""
    WIN = "win_dispute"
    """Of a dispute about a payment: the amount is the shop's again."""
    LOSE = "lose_dispute"
    """Of a dispute about a payment: the amount is lost."""


@dataclass
class Request:
    """Anything else that was asked for: `of` what, and how much of it."""

    key: str
    deed: Deed
    of: str
    amount: int = 0
    answers: list[Json] = field(default_factory=list)

    @property
    def granted(self) -> bool:
        return any(answer["state"] == "GRANTED" for answer in self.answers)

    @property
    def refused(self) -> bool:
        return bool(self.answers) and not self.granted


@dataclass
class Evidence:
    """All that witnesses have to say."""

    purchases: list[Purchase]
    requests: list[Request] = field(default_factory=list)

    def asked(self, deed: Deed) -> list[Request]:
        return [request for request in self.requests if request.deed is deed]

    def granted(self, deed: Deed) -> list[Request]:
        return [request for request in self.asked(deed) if request.granted]


class Witness:
    """A file of JSON lines, each synced before the caller goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab", buffering=0)

    def close(self) -> None:
        self._file.close()

    def orders(self, key: str, cart: Json, parts: Sequence[Part]) -> None:
        """Before the first request of a purchase."""
        lines = [(line["sku"], line["quantity"]) for line in cart["lines"]]
        total = cart["totals"]["total"]
        paid = [tuple(part) for part in parts]  # which JSON knows, as it does not know the names
        order = {"cart": cart["id"], "total": total, "lines": lines, "parts": paid}
        self._write({"orders": key, **order})

    def asks(self, key: str, deed: Deed, of: str, amount: int = 0) -> None:
        """Before the first request of anything else."""
        self._write({"asks": key, "deed": deed, "of": of, "amount": amount})

    def sends(self, key: str) -> None:
        """Before each attempt of a purchase."""
        self._write({"sends": key})

    def hears(self, key: str, answer: Json) -> None:
        """After each attempt that was answered."""
        self._write({"hears": key, "answer": answer})

    def _write(self, entry: Json) -> None:
        self._file.write(orjson.dumps(entry) + b"\n")
        os.fsync(self._file.fileno())


def evidence(paths: Iterable[Path]) -> Evidence:
    """What the witnesses say: read from the disk, as after a crash of the clients themselves."""
    purchases: dict[str, Purchase] = {}
    requests: dict[str, Request] = {}
    for entry in (entry for path in paths for entry in _entries(path)):
        if (key := entry.get("orders")) is not None:
            lines = [(sku, quantity) for sku, quantity in entry["lines"]]
            parts = [Part(*part) for part in entry["parts"]]
            purchases[key] = Purchase(key, entry["cart"], entry["total"], lines, parts)
        elif (key := entry.get("asks")) is not None:
            requests[key] = Request(key, Deed(entry["deed"]), entry["of"], entry["amount"])
        elif (key := entry.get("sends")) is not None:
            purchases[key].attempts += 1
        elif (key := entry["hears"]) in purchases:
            purchases[key].answers.append(entry["answer"])
        else:
            requests[key].answers.append(entry["answer"])
    return Evidence(list(purchases.values()), list(requests.values()))


def _entries(path: Path) -> Iterator[Json]:
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):  # a last line cut short was never relied on
            yield orjson.loads(line)
