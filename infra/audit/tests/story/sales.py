"""Who bought what, and how it is told to a database."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from comptoir_audit.invariants.subscriptions import SUBSCRIPTIONS

AGO = "now() - interval '10 minutes'"
SOON = "now() + interval '20 minutes'"
HASH = "'\\x00'::bytea"
PROMOTED = ("fulfilled", "failed", "waiting")


@dataclass(frozen=True)
class Sale:
    """One order or placement: its lines as (sku, location, units, unit price, discount, tax)."""

    name: str
    customer: str
    lines: tuple[tuple[str, str, int, int, int, int], ...]
    shipping: int
    tax: int
    state: str
    reservation: int
    provider: str = "sandbox"
    net: bool = False
    """Whether the tax of the lines comes on top of their prices; that of shipping never does."""

    @property
    def subtotal(self) -> int:
        return sum(units * price for _, _, units, price, _, _ in self.lines)

    @property
    def discount(self) -> int:
        return sum(line[4] for line in self.lines)

    @property
    def total(self) -> int:
        on_top = sum(line[5] for line in self.lines) if self.net else 0
        return self.subtotal - self.discount + on_top + self.shipping

    @property
    def stands(self) -> bool:
        return self.name in {"fulfilled", "placed", "cancelled", "sold"}


_RAIN, _SHOE = ("RAIN", "lyon"), ("SHOE", "lyon")
FULFILLED = Sale(
    "fulfilled",
    "cus_1",
    ((*_RAIN, 2, 1000, 200, 300), (*_SHOE, 1, 500, 50, 75)),
    490,
    457,
    "FULFILLED",
    3,
)
PLACED = Sale("placed", "cus_2", ((*_RAIN, 1, 1000, 0, 167),), 490, 248, "PLACED", 2)
CANCELLED = Sale("cancelled", "cus_2", ((*_SHOE, 1, 500, 0, 83),), 490, 165, "CANCELLED", 4)
SOLD = Sale(
    "sold", "", (("SHOE", "store", 1, 417, 0, 83),), 0, 83, "FULFILLED", 3, "till", net=True
)
FAILED = Sale("failed", "cus_3", ((*_RAIN, 1, 1000, 100, 150),), 490, 232, "", 4)
WAITING = Sale("waiting", "cus_2", ((*_RAIN, 1, 1000, 100, 180),), 490, 262, "", 1, net=True)
SALES = (FULFILLED, PLACED, CANCELLED, SOLD, FAILED, WAITING)


@dataclass
class Told:
    """Statements by service."""

    sql: dict[str, list[str]] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)

    def insert(self, service: str, table: str, columns: str, *rows: str) -> None:
        values = ", ".join(f"({row})" for row in rows)
        statement = f"INSERT INTO {table} ({columns}) VALUES {values}"
        self.sql.setdefault(service, []).append(statement)

    def event(self, producer: str, message: str, key: str, *, kind: int = 1) -> None:
        """Published, and taken in by all who want to know."""
        name = f"comptoir.{producer}.v1.{message}"
        sequence = self.sequences[producer] = self.sequences.get(producer, 0) + 1
        event = event_id(message, key)
        self.insert(
            producer,
            "outbox",
            "id, kind, subject, type, payload, headers, created_at, producer_seq, previous_seq,"
            " stream_seq, published_at",
            f"'{event}', {kind}, '{name}.{key}', '{name}', 'payload', '{{}}', {AGO}, {sequence},"
            f" {sequence - 1}, {sequence}, {AGO}",
        )
        for (owner, consumer), messages in SUBSCRIPTIONS.items():
            if owner == producer and message in messages:
                self.insert(
                    consumer,
                    "inbox",
                    "id, producer, type, producer_seq, previous_seq",
                    f"'{event}', '{producer}', '{name}', {sequence}, {sequence - 1}",
                )


def event_id(message: str, key: str) -> str:
    """The id of an event of the story."""
    return str(uuid5(NAMESPACE_URL, f"{message}/{key}"))


def json_of(value: Any) -> str:
    return "'" + json.dumps(value).replace("'", "''") + "'::jsonb"


def lines_of(sale: Sale) -> list[dict[str, Any]]:
    return [
        {
            "id": f"lin_{sku}",
            "sku": sku,
            "name": sku,
            "quantity": units,
            "unit_price": price,
            "discount": off,
            "total": units * price - off + (tax if sale.net else 0),
            "tax": tax,
            "tax_rate": "20",
        }
        for sku, _, units, price, off, tax in sale.lines
    ]


def totals_of(sale: Sale) -> dict[str, int]:
    return {
        "subtotal": sale.subtotal,
        "discount": sale.discount,
        "shipping": sale.shipping,
        "tax": sale.tax,
        "total": sale.total,
    }
