"""Where a decision becomes a fact: journal, book and webhook change together, once per key."""

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

import orjson

from comptoir_psp_sandbox.book import Book, Event, Operation, event_body
from comptoir_psp_sandbox.cards import BEHAVIOURS, Behaviour
from comptoir_psp_sandbox.domain import Payment
from comptoir_psp_sandbox.errors import IdempotencyKeyReused, Refusal
from comptoir_psp_sandbox.journal import Journal
from comptoir_psp_sandbox.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Answer:
    """`first` is false when the answer repeats an earlier one."""

    status: int
    body: bytes
    first: bool = True


@dataclass(frozen=True, slots=True)
class Keyed:
    """A call that may be repeated: its key, and what makes it the same call."""

    key: str
    kind: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Change:
    """A payment as it will be, and how much of its money moved (minor units)."""

    payment: Payment
    moved: int


class Recorder:
    def __init__(
        self,
        book: Book,
        journal: Journal,
        webhooks: Webhooks,
        *,
        clock: Callable[[], float] = time.time,
        key_retention: int,
        late_webhook: float,
    ) -> None:
        self._book = book
        self._journal = journal
        self._webhooks = webhooks
        self._clock = clock
        self._key_retention = key_retention
        self._late = late_webhook
        self._tasks: set[asyncio.Task[None]] = set()

    def now(self) -> int:
        """Unix seconds."""
        return int(self._clock())

    def behaviour(self, payment: Payment) -> Behaviour:
        return BEHAVIOURS[self._book.method(payment.payment_method).behaviour]

    def resume(self) -> None:
        """Sends the webhooks that the last run still owed."""
        if self._webhooks.wanted:
            for event in list(self._book.owed.values()):
                self._webhooks.send(event, self._webhook_delivered)

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def once(self, keyed: Keyed, payment_id: str, decide: Callable[[], Change]) -> Answer:
        """The answer of `decide`, made durable; or the one already given under this key."""
        known = self._book.operations.get(keyed.key)
        if known is not None and known.created_at + self._key_retention > self.now():
            if known.fingerprint != keyed.fingerprint:
                raise IdempotencyKeyReused("this Idempotency-Key was used for another request")
            await self._journal.durable(known.number)
            return Answer(known.status, known.answer, first=False)
        try:
            operation = self._record(decide(), keyed.kind, keyed)
        except Refusal as refusal:
            if not refusal.kept:
                raise
            operation = self._record_refusal(refusal, payment_id, keyed)
        await self._journal.durable(operation.number)
        return Answer(operation.status, operation.answer)

    def record_unasked(self, payment: Payment) -> None:
        """An issuer's word that came after the call: by the buyer's challenge, or by time."""
        self._record(Change(payment, payment.authorised_amount), "authorise", None)

    async def settled(self) -> None:
        """Returns once everything recorded so far is on the disk."""
        await self._journal.durable(self._journal.last)

    def _record(self, change: Change, kind: str, keyed: Keyed | None) -> Operation:
        payment, now = change.payment, self.now()
        event_type = _EVENT_TYPES.get(kind) or f"payment.{payment.status}"
        status = 201 if kind == "authorise" else 200
        body = _with_operation(payment, kind, change.moved)
        entry: dict[str, Any] = {"at": now, "type": event_type}
        if keyed is not None:
            entry |= _key_fields(keyed, payment.id, status)
        entry["answer"] = orjson.Fragment(body)
        event = self._event(event_type, payment, entry["answer"], told=keyed is not None)
        if event is not None:
            entry["event"] = {"id": event.id, "send_at": event.send_at, "copies": event.copies}
        number = self._journal.append(entry)
        self._book.keep_payment(payment)
        if event is not None:
            self._book.owed[event.id] = event
            self.in_background(self._send_when_durable(event, number))
        key, fingerprint = (keyed.key, keyed.fingerprint) if keyed else ("", "")
        operation = Operation(key, kind, fingerprint, payment.id, status, body, now, number)
        if keyed is not None:
            self._book.keep_operation(operation)
        return operation

    def _record_refusal(self, refusal: Refusal, payment_id: str, keyed: Keyed) -> Operation:
        now, body, status = self.now(), orjson.dumps(refusal.body()), refusal.status
        number = self._journal.append(
            {
                "at": now,
                "type": "operation.refused",
                **_key_fields(keyed, payment_id, status),
                "answer": orjson.Fragment(body),
            }
        )
        operation = Operation(
            keyed.key, keyed.kind, keyed.fingerprint, payment_id, status, body, now, number
        )
        self._book.keep_operation(operation)
        return operation

    def _event(
        self, event_type: str, payment: Payment, answer: orjson.Fragment, *, told: bool
    ) -> Event | None:
        """The webhook for a change; None for an authorisation that the answer itself has `told`."""
        if not self._webhooks.wanted or event_type in _UNANNOUNCED:
            return None
        behaviour = self.behaviour(payment)
        authorised = event_type == "payment.authorised"
        if authorised and told and not behaviour.announces_authorisation:
            return None
        now = self.now()
        event_id = f"evt_{secrets.token_hex(12)}"
        body = event_body(event_id, event_type, now, answer)
        send_at = now + self._late if authorised and behaviour.late_webhook else now
        return Event(event_id, body, send_at, behaviour.webhook_copies)

    async def _send_when_durable(self, event: Event, number: int) -> None:
        await self._journal.durable(number)
        self._webhooks.send(event, self._webhook_delivered)

    def _webhook_delivered(self, event_id: str) -> None:
        """Noted without waiting: if the note is lost, the event is sent once more."""
        self._book.owed.pop(event_id, None)
        self._journal.append({"at": self.now(), "type": "webhook.delivered", "event_id": event_id})


_UNANNOUNCED: Final = frozenset({"payment.requires_action", "payment.pending", "payment.confirmed"})

# An authorisation is named after the issuer's word: `payment.authorised`, `payment.declined` …
_EVENT_TYPES: Final = {
    "confirm": "payment.confirmed",
    "capture": "payment.captured",
    "void": "payment.voided",
    "refund": "payment.refunded",
    "fail_refund": "payment.refund_failed",
    "dispute": "payment.disputed",
    "win_dispute": "payment.dispute_won",
    "lose_dispute": "payment.dispute_lost",
}


def _key_fields(keyed: Keyed, payment_id: str, status: int) -> dict[str, Any]:
    return {
        "key": keyed.key,
        "kind": keyed.kind,
        "fingerprint": keyed.fingerprint,
        "payment_id": payment_id,
        "status": status,
    }


def _with_operation(payment: Payment, kind: str, moved: int) -> bytes:
    """The payment's JSON with one more member: what this call moved."""
    operation = {"id": f"op_{secrets.token_hex(12)}", "kind": kind, "amount": moved}
    return b'%b,"operation":%b}' % (orjson.dumps(payment)[:-1], orjson.dumps(operation))
