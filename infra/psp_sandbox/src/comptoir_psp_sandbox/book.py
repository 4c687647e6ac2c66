"""What the provider knows, in memory: rebuilt from the journal at start, changed with it after."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from comptoir_psp_sandbox.cards import READY_MADE_METHODS, PaymentMethod
from comptoir_psp_sandbox.domain import Payment
from comptoir_psp_sandbox.errors import InvalidRequest, NotFound


@dataclass(frozen=True, slots=True)
class Operation:
    """The one answer given under an idempotency key."""

    key: str
    kind: str
    fingerprint: str
    payment_id: str
    status: int
    answer: bytes
    created_at: int
    number: int


@dataclass(frozen=True, slots=True)
class Event:
    """A webhook owed to the merchant: the exact bytes, when to send them first, how many times."""

    id: str
    body: bytes
    send_at: float
    copies: int


class Book:
    def __init__(self) -> None:
        self.payments: dict[str, Payment] = {}
        self.methods: dict[str, PaymentMethod] = dict(READY_MADE_METHODS)
        self.operations: dict[str, Operation] = {}
        self.owed: dict[str, Event] = {}
        self._by_reference: dict[str, list[str]] = {}

    def payment(self, payment_id: str) -> Payment:
        found = self.payments.get(payment_id)
        if found is None:
            raise NotFound("no such payment", param="id")
        return found

    def method(self, token: str) -> PaymentMethod:
        found = self.methods.get(token)
        if found is None:
            raise InvalidRequest("no such payment method", param="payment_method")
        return found

    def with_reference(self, reference: str) -> list[Payment]:
        """Oldest first."""
        return [self.payments[payment_id] for payment_id in self._by_reference.get(reference, ())]

    def keep_payment(self, payment: Payment) -> None:
        if payment.id not in self.payments and payment.reference:
            self._by_reference.setdefault(payment.reference, []).append(payment.id)
        self.payments[payment.id] = payment

    def keep_operation(self, operation: Operation) -> None:
        self.operations[operation.key] = operation


def rebuild(entries: Iterable[dict[str, Any]]) -> Book:
    """The book as it stood when the last of the entries was acknowledged."""
    book = Book()
    for entry in entries:
        kind, answer = entry["type"], entry.get("answer")
        if kind == "webhook.delivered":
            book.owed.pop(entry["event_id"], None)
        elif kind == "payment_method.created":
            method = PaymentMethod(**entry["method"])
            book.methods[method.token] = method
        elif kind != "operation.refused":
            book.keep_payment(Payment.from_json(entry["answer"]))
        if (key := entry.get("key")) is not None:
            book.keep_operation(
                Operation(
                    key=key,
                    kind=entry["kind"],
                    fingerprint=entry["fingerprint"],
                    payment_id=entry["payment_id"],
                    status=entry["status"],
                    answer=orjson.dumps(answer),
                    created_at=entry["at"],
                    number=entry["seq"],
                )
            )
        if (event := entry.get("event")) is not None:
            body = event_body(event["id"], kind, entry["at"], answer)
            book.owed[event["id"]] = Event(event["id"], body, event["send_at"], event["copies"])
    return book


def event_body(event_id: str, kind: str, at: int, answer: Any) -> bytes:
    """The bytes of a webhook; a repeat of the same event is the same bytes."""
    return orjson.dumps(
        {"id": event_id, "type": kind, "created_at": at, "data": {"payment": answer}}
    )
