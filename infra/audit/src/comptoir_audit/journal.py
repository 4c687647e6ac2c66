"""The sandbox provider's own journal, as rows: what it took, gave back and holds, by reference.

A reference is our payment's id. A joined query asks for references and gets a row for each of
their payments; a leading query gets all that have moved since it was last asked for.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from comptoir_audit.invariant import Row
from comptoir_audit.scope import Scope

_PAGE = 1000
_SECONDS = 30
_ENDED = frozenset({"voided", "declined"})


@dataclass(slots=True)
class Taken:
    """What the provider did for one of its payments: minor units, added up from its entries."""

    payment: str
    reference: str
    currency: str
    captured: int = 0
    refunded: int = 0
    held: int = 0
    disputed: int = 0
    charged_back: int = 0
    changed_at: int = 0

    def add(self, entry: Row) -> None:
        """Takes in the next entry about this payment."""
        answer = entry["answer"]
        moved = answer["operation"]["amount"]
        match entry["type"]:
            case "payment.captured":
                self.captured += moved
            case "payment.refunded":
                self.refunded += moved
            case "payment.refund_failed":
                self.refunded -= moved
        ended = answer["status"] in _ENDED
        left = answer["authorised_amount"] - answer["captured_amount"] - answer["voided_amount"]
        self.held = 0 if ended else left
        self.disputed = answer.get("disputed_amount", 0)
        self.charged_back = answer.get("charged_back_amount", 0)
        self.changed_at = entry["at"]

    def row(self) -> Row:
        """As a row of a query."""
        return {
            "key": self.reference,
            "id": self.payment,
            "currency": self.currency,
            "captured": self.captured,
            "refunded": self.refunded,
            "held": self.held,
            "disputed": self.disputed,
            "charged_back": self.charged_back,
        }


class Totals:
    """The journal, added up."""

    def __init__(self) -> None:
        self._payments: dict[str, Taken] = {}
        self._by_reference: dict[str, list[Taken]] = {}

    def add(self, entries: Iterable[Row]) -> None:
        """Takes in entries, oldest first; those that are not about a payment change nothing."""
        for entry in entries:
            if not entry["type"].startswith("payment.") or "answer" not in entry:
                continue
            answer = entry["answer"]
            taken = self._payments.get(answer["id"])
            if taken is None:
                taken = Taken(answer["id"], answer["reference"], answer["currency"])
                self._payments[taken.payment] = taken
                self._by_reference.setdefault(taken.reference, []).append(taken)
            taken.add(entry)

    def of(self, reference: str) -> list[Row]:
        """A row for each payment under this reference."""
        return [each.row() for each in self._by_reference.get(reference, ())]

    def changed(self, since: datetime | None) -> list[Row]:
        """A row for each payment with an entry at or after `since`."""
        bound = 0 if since is None else int(since.timestamp())
        return [each.row() for each in self._payments.values() if each.changed_at >= bound]


class ProviderJournal:
    """The journal over HTTP; answers with what it holds at the moment of the question."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._position = 0
        self._totals = Totals()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator["ProviderJournal"]:
        async with httpx.AsyncClient(base_url=url, timeout=_SECONDS) as http:
            yield cls(http)

    async def stream(self, scope: Scope, sql: str) -> AsyncIterator[Sequence[Row]]:
        await self._read()
        yield self._totals.changed(scope.since)

    async def of_keys(self, scope: Scope, sql: str, keys: Sequence[str]) -> Sequence[Row]:
        await self._read()
        return [row for key in keys for row in self._totals.of(key)]

    async def now(self) -> datetime:
        return datetime.now(UTC)

    async def _read(self) -> None:
        """Goes on where the last question stopped."""
        last = self._position + 1
        while self._position < last:
            query = {"after": self._position, "limit": _PAGE}
            response = await self._http.get("/v1/journal", params=query)
            response.raise_for_status()
            page: dict[str, Any] = response.json()
            self._totals.add(page["entries"])
            self._position = page["entries"][-1]["seq"] if page["entries"] else page["last"]
            last = page["last"]
