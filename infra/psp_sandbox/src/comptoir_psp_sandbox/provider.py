"""The provider's operations: check, decide, journal, and only then answer.

Deciding and applying happen without an await in between, so two calls never see the same money.
Every answer, reads included, waits until what it shows is on the disk.
"""

import asyncio
import secrets
from dataclasses import asdict
from typing import Any

import orjson

from comptoir_psp_sandbox import domain
from comptoir_psp_sandbox.book import Book
from comptoir_psp_sandbox.cards import BEHAVIOURS, Reply, tokenise
from comptoir_psp_sandbox.domain import Payment, PaymentRequest, Status
from comptoir_psp_sandbox.errors import NotATestCard, NotFound
from comptoir_psp_sandbox.journal import Journal
from comptoir_psp_sandbox.recorder import Answer, Change, Keyed, Recorder
from comptoir_psp_sandbox.requests import CardDetails


class Provider:
    """`authorisation_lifetime` and `delayed_authorisation` are in seconds."""

    def __init__(
        self,
        book: Book,
        journal: Journal,
        recorder: Recorder,
        *,
        authorisation_lifetime: int,
        delayed_authorisation: float,
    ) -> None:
        self._book = book
        self._journal = journal
        self._recorder = recorder
        self._lifetime = authorisation_lifetime
        self._delayed = delayed_authorisation

    def resume(self) -> None:
        """Takes up what the last run left: webhooks owed and authorisations not yet settled."""
        self._recorder.resume()
        for payment in self._book.payments.values():
            if payment.status is Status.PENDING:
                self._settle_later(payment)

    async def create_payment_method(self, card: CardDetails) -> bytes:
        """A token for a card; of the number only brand and last four digits are kept."""
        method = tokenise(f"pm_{secrets.token_hex(12)}", card.number)
        if method is None:
            raise NotATestCard("only the documented test cards exist here", param="card.number")
        answer = {"id": method.token, "card": {"brand": method.brand, "last4": method.last4}}
        entry = {"type": "payment_method.created", "method": asdict(method), "answer": answer}
        number = self._journal.append({"at": self._recorder.now(), **entry})
        self._book.methods[method.token] = method
        await self._journal.durable(number)
        return orjson.dumps(answer)

    async def create_payment(
        self, keyed: Keyed, request: PaymentRequest, base_url: str
    ) -> tuple[Answer, Reply]:
        """Asks the issuer; a decline is an answer like any other, not an error."""
        method = self._book.method(request.payment_method)
        payment_id = f"pay_{secrets.token_hex(12)}"

        def decide() -> Change:
            payment = domain.open_payment(
                request,
                method,
                payment_id=payment_id,
                challenge_url=f"{base_url}/challenge/{payment_id}",
                now=self._recorder.now(),
                lifetime=self._lifetime,
            )
            if payment.status is Status.PENDING:
                self._settle_later(payment)
            return Change(payment, payment.authorised_amount)

        answer = await self._recorder.once(keyed, payment_id, decide)
        return answer, BEHAVIOURS[method.behaviour].reply if answer.first else Reply.NORMAL

    async def confirm(self, keyed: Keyed, payment_id: str) -> Answer:
        """The payment once the buyer has acted; before that it is refused and leaves no trace."""

        def decide() -> Change:
            payment = self._book.payment(payment_id)
            domain.require_settled(payment)
            return Change(payment, 0)

        return await self._recorder.once(keyed, payment_id, decide)

    async def capture(self, keyed: Keyed, payment_id: str, amount: int | None) -> Answer:
        def decide() -> Change:
            payment = self._book.payment(payment_id)
            return Change(*domain.capture(payment, amount, self._recorder.now()))

        return await self._recorder.once(keyed, payment_id, decide)

    async def void(self, keyed: Keyed, payment_id: str) -> Answer:
        def decide() -> Change:
            return Change(*domain.void(self._book.payment(payment_id)))

        return await self._recorder.once(keyed, payment_id, decide)

    async def refund(self, keyed: Keyed, payment_id: str, amount: int | None) -> Answer:
        def decide() -> Change:
            return Change(*domain.refund(self._book.payment(payment_id), amount))

        return await self._recorder.once(keyed, payment_id, decide)

    async def happen(self, keyed: Keyed, payment_id: str, verb: str, amount: int | None) -> Answer:
        """What the merchant does not ask for: a refund comes back, a payer disputes."""

        def decide() -> Change:
            payment = self._book.payment(payment_id)
            match verb:
                case "fail_refund":
                    return Change(*domain.fail_refund(payment, amount))
                case "dispute":
                    return Change(*domain.dispute(payment, amount))
                case "win_dispute":
                    return Change(*domain.win_dispute(payment))
                case _:
                    return Change(*domain.lose_dispute(payment))

        return await self._recorder.once(keyed, payment_id, decide)

    async def answer_challenge(self, payment_id: str, *, success: bool) -> Payment:
        """The buyer's answer; a second one changes nothing."""
        payment = self._book.payment(payment_id)
        if payment.status is Status.REQUIRES_ACTION:
            payment = (
                domain.approve(payment, self._recorder.behaviour(payment))
                if success
                else domain.decline(payment, "authentication_failed")
            )
            self._recorder.record_unasked(payment)
        await self._recorder.settled()
        return payment

    async def payment(self, payment_id: str) -> Payment:
        payment = self._book.payment(payment_id)
        await self._recorder.settled()
        return payment

    async def payments_with_reference(self, reference: str) -> list[Payment]:
        """Oldest first; empty when there is none."""
        payments = self._book.with_reference(reference)
        await self._recorder.settled()
        return payments

    async def operation(self, key: str) -> dict[str, Any]:
        """What a call under this key did; `NotFound` means it has had no effect so far."""
        found = self._book.operations.get(key)
        if found is None:
            raise NotFound("no operation under this key", param="idempotency_key")
        await self._journal.durable(found.number)
        return {
            "idempotency_key": found.key,
            "kind": found.kind,
            "payment_id": found.payment_id,
            "status_code": found.status,
            "created_at": found.created_at,
            "answer": orjson.Fragment(found.answer),
        }

    def _settle_later(self, payment: Payment) -> None:
        self._recorder.in_background(self._settle(payment.id, payment.created_at + self._delayed))

    async def _settle(self, payment_id: str, at: float) -> None:
        await asyncio.sleep(max(at - self._recorder.now(), 0))
        payment = self._book.payment(payment_id)
        if payment.status is Status.PENDING:
            approved = domain.approve(payment, self._recorder.behaviour(payment))
            self._recorder.record_unasked(approved)
