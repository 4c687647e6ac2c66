"""Rows of processes: what is written of each, and how it is read back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from comptoir_orders.domain.processes import (
    CancellationData,
    CaptureData,
    Kind,
    PlacementData,
    SaleData,
    VoidData,
)
from comptoir_orders.store.documents import read
from comptoir_runtime import ids
from comptoir_runtime.database import Row
from comptoir_runtime.idempotency import RequestKey

COLUMNS = """id, kind, caller, request_id, request_hash, order_id, state, version, attempts,
  nudges, serial, document, deadline, next_run_at, created_at"""
READ = f"{COLUMNS}, called_off, trouble, lease_owner IS NOT NULL AS driven"

_DOCUMENTS: dict[Kind, type[Any]] = {
    Kind.PLACEMENT: PlacementData,
    Kind.STORE_SALE: SaleData,
    Kind.CANCELLATION: CancellationData,
    Kind.CAPTURE: CaptureData,
    Kind.VOID: VoidData,
}


@dataclass(frozen=True, slots=True)
class Process:
    """One row; `document` is the value class of its kind, see `domain.processes`."""

    id: str
    kind: Kind
    caller: str
    request_id: str
    request_hash: bytes
    order: str
    state: str
    version: int
    attempts: int
    nudges: int
    serial: int | None
    document: Any
    deadline: datetime
    next_run_at: datetime | None
    created_at: datetime
    driven: bool = True
    """Whether somebody holds its lease."""
    called_off: str | None = None
    """The words of whoever does not want it any more; None while it is wanted."""
    trouble: str = ""
    """Why its last step was tried in vain."""

    @property
    def ended(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.next_run_at is None


_PREFIXES = {
    Kind.PLACEMENT: "plc",
    Kind.STORE_SALE: "sal",
    Kind.CANCELLATION: "cnl",
    Kind.CAPTURE: "cap",
    Kind.VOID: "voi",
}


def new(
    kind: Kind,
    asked: RequestKey,
    order: str,
    state: str,
    document: Any,
    now: datetime,
    deadline: datetime,
) -> Process:
    """A process that begins now and should have ended by `deadline`."""
    return Process(
        id=ids.new_id(_PREFIXES[kind]),
        kind=kind,
        caller=asked.caller,
        request_id=asked.key,
        request_hash=asked.request_hash,
        order=order,
        state=state,
        version=1,
        attempts=0,
        nudges=0,
        serial=None,
        document=document,
        deadline=deadline,
        next_run_at=now,
        created_at=now,
    )


def own(key: str) -> RequestKey:
    """The key of what this service asks of itself."""
    return RequestKey("", "", key, b"")


@dataclass(frozen=True, slots=True)
class Lease:
    """Who drives, until when."""

    owner: str
    until: datetime


def process_of(row: Row) -> Process:
    kind = Kind(row["kind"])
    return Process(
        id=row["id"],
        kind=kind,
        caller=row["caller"],
        request_id=row["request_id"],
        request_hash=row["request_hash"],
        order=row["order_id"],
        state=row["state"],
        version=row["version"],
        attempts=row["attempts"],
        nudges=row["nudges"],
        serial=row["serial"],
        document=read(_DOCUMENTS[kind], with_tenders(row["document"])),
        deadline=row["deadline"],
        next_run_at=row["next_run_at"],
        created_at=row["created_at"],
        driven=row["driven"],
        called_off=row["called_off"],
        trouble=row["trouble"],
    )


def with_tenders(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A placement as it is written now: rows of before there could be several tenders had one."""
    intent = document.get("intent")
    if intent is None or "tenders" in intent:
        return document
    said = {name: value for name, value in intent.items() if name not in ("method", "token")}
    chosen = {"method": intent["method"], "token": intent["token"]}
    tender = chosen | {
        "amount": document.get("total", 0),
        "payment": document.get("payment", ""),
    }
    return {name: value for name, value in document.items() if name != "payment"} | {
        "intent": said | {"tenders": [chosen], "tender_currency": ""},
        "tenders": [tender] if tender["amount"] else [],
    }
