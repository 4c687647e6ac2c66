"""Stripe's payment intents behind the six calls of every provider.

Each of our operations is found again by what Stripe keeps of it, not only by its idempotency key,
which Stripe forgets after a day: an authorisation and a refund carry the operation's id in their
metadata, a capture leaves its amount there.
"""

import logging
from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

import stripe
from stripe import DisputeService, RefundService

from comptoir_payments.domain.reports import Refusal, Report, Status
from comptoir_payments.providers.contract import Broken, Notice, Unreachable, Wish
from comptoir_payments.providers.http import HttpClient
from comptoir_payments.providers.stripe import notices
from comptoir_payments.providers.stripe.amounts import NotRepresentable, to_stripe
from comptoir_payments.providers.stripe.declines import read_decline
from comptoir_payments.providers.stripe.reading import (
    EXPANDED,
    FAILED,
    OPERATION,
    PAYMENT,
    UNREADABLE,
    Object,
    answered,
    capture_note,
    captured_under,
    display,
    read_currency,
    read_intent,
    refunded_by,
    takes_parts,
    text,
    with_disputes,
    without_failed_refunds,
)
from comptoir_payments.providers.stripe.transport import PLACE, Transport

if TYPE_CHECKING:  # only shapes, and 8 MB of them: images do without
    from stripe.params import PaymentIntentCaptureParams, PaymentIntentCreateParams

log = logging.getLogger(__name__)

NOT_REPRESENTABLE = Refusal("amount_not_representable")
VOIDED = Refusal("payment_voided")
_MISSING = "resource_missing"


class _Refused(Exception):
    """Stripe understood and said no; nothing has moved."""

    def __init__(self, error: Object) -> None:
        super().__init__(error.get("code"))
        self.error = error

    @property
    def refusal(self) -> Refusal:
        return Refusal(str(self.error.get("code") or self.error.get("type") or "refused"))


class Stripe:
    """One account; `secrets` are those its notices may be signed with, newest first."""

    name = "stripe"

    def __init__(self, http: HttpClient, api_key: str, secrets: tuple[str, ...]) -> None:
        # The SDK would tell Stripe about this machine, and our log about each call.
        stripe.enable_telemetry = False
        logging.getLogger("stripe").setLevel(logging.WARNING)
        client = stripe.StripeClient(
            api_key,
            base_addresses={"api": PLACE},
            http_client=Transport(http),
            max_network_retries=0,  # when to ask again is decided where the operation is written
        )
        self._intents = client.v1.payment_intents
        self._refunds = client.v1.refunds
        self._disputes = client.v1.disputes
        self._secrets = secrets

    async def authorise(self, key: str, wish: Wish) -> Report | Refusal:
        try:
            amount = to_stripe(wish.amount, wish.currency)
        except NotRepresentable:
            return NOT_REPRESENTABLE
        wanted: PaymentIntentCreateParams = {
            "amount": amount,
            "currency": wish.currency.lower(),
            "payment_method": wish.token,
            "allowed_payment_method_types": ["card"],
            "payment_method_options": {"card": {"request_multicapture": "if_available"}},
            "capture_method": "manual",
            "confirm": True,
            "metadata": {PAYMENT: wish.payment, OPERATION: key},
            "expand": EXPANDED,
        }
        if wish.return_url:
            wanted["return_url"] = wish.return_url
        call = self._intents.create_async(wanted, {"idempotency_key": key})
        try:
            return _authorisation(await _answer(call))
        except _Refused as refused:
            return _declined(wish, refused)

    async def capture(self, key: str, reference: str, amount: int) -> Report | Refusal:
        """What Stripe does not allow to be taken in parts is given up with the first part taken."""
        try:
            intent = await self._intent(reference)
            known = _capture(intent, key)
            if known is not None:
                return known
            if intent["status"] == "canceled":
                return VOIDED
            taken = to_stripe(amount, read_currency(intent))
        except _Refused as refused:
            return refused.refusal
        except NotRepresentable:
            return NOT_REPRESENTABLE
        wanted: PaymentIntentCaptureParams = {
            "amount_to_capture": taken,
            "metadata": capture_note(key, taken),
            "expand": EXPANDED,
        }
        if takes_parts(intent) and taken < intent["amount_capturable"]:
            wanted["final_capture"] = False
        call = self._intents.capture_async(reference, wanted, {"idempotency_key": key})
        try:
            taken_now = _capture(await _answer(call), key)
        except _Refused as refused:
            return await self._not_captured(key, reference, amount, refused)
        return taken_now or _unread()

    async def void(self, key: str, reference: str) -> Report | Refusal:
        call = self._intents.cancel_async(reference, {"expand": EXPANDED}, {"idempotency_key": key})
        try:
            report = _read(await _answer(call))
            return answered(report, report.reference, report.voided)
        except _Refused as refused:
            stands = await self._stands(reference)
            if isinstance(stands, Refusal):
                return stands
            if stands.status is Status.VOIDED:
                return VOIDED
            nothing = stands.status is Status.APPROVED and stands.held == 0
            return Refusal("nothing_to_void") if nothing else refused.refusal

    async def refund(self, key: str, reference: str, amount: int) -> Report | Refusal:
        stands = await self._stands(reference)
        if isinstance(stands, Refusal):
            return stands
        try:
            given = to_stripe(amount, stands.currency)
        except NotRepresentable:
            return NOT_REPRESENTABLE
        call = self._refunds.create_async(
            {
                "payment_intent": reference,
                "amount": given,
                "metadata": {PAYMENT: stands.payment, OPERATION: key},
                "expand": [f"payment_intent.{each}" for each in EXPANDED],
            },
            {"idempotency_key": key},
        )
        try:
            refund = await _answer(call)
        except _Refused as refused:
            over = amount > stands.captured - stands.refunded
            return Refusal("refund_exceeds_captured") if over else refused.refusal
        return _refund(refund, _read(refund.get("payment_intent")))

    async def fetch(self, reference: str) -> Report | Refusal:
        """With what became of its refunds, and of its disputes: their own objects tell."""
        stands = await self._stands(reference)
        if isinstance(stands, Refusal):
            return stands
        try:
            if stands.refunded:
                refunds = await self._about(self._refunds, reference)
                stands = without_failed_refunds(stands, refunds)
            if stands.disputed:
                disputes = await self._about(self._disputes, reference)
                stands = with_disputes(stands, disputes)
        except (_Refused, *UNREADABLE):
            _unread()
        return stands

    async def recall(self, key: str, reference: str) -> Report | Refusal | None:
        try:
            if not reference:
                return await self._authorised_under(key)
            intent = await self._intent(reference)
            return _capture(intent, key) or await self._refunded_under(key, _read(intent))
        except _Refused:
            # It does not let us look: that tells nothing about what came of the call.
            return _unread()

    def parse(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice:
        return notices.parse(self.name, body, headers, self._secrets, now)

    # --- looking things up

    async def _stands(self, reference: str) -> Report | Refusal:
        try:
            return _read(await self._intent(reference))
        except _Refused as refused:
            return Refusal("not_found") if refused.error.get("code") == _MISSING else _unread()

    async def _about(self, objects: RefundService | DisputeService, reference: str) -> list[Object]:
        """All of a payment intent; more than a page of them is nothing we can judge."""
        page = await _answer(objects.list_async({"payment_intent": reference, "limit": 100}))
        if page.get("has_more"):
            _unread()
        return [*_listed(page)]

    async def _intent(self, reference: str) -> dict[str, Any]:
        return await _answer(self._intents.retrieve_async(reference, {"expand": EXPANDED}))

    async def _authorised_under(self, key: str) -> Report | None:
        """What its search finds, which lags by up to a minute.

        As long as Stripe knows the key that is no harm: the call is repeated under it and answered
        as the first time. Afterwards the lag is over.
        """
        found = await _answer(
            self._intents.search_async(
                {
                    "query": f"metadata['{OPERATION}']:'{key}'",
                    "expand": [f"data.{each}" for each in EXPANDED],
                }
            )
        )
        made = _listed(found)
        return _authorisation(made[0]) if made else None

    async def _refunded_under(self, key: str, stands: Report) -> Report | Refusal | None:
        page = await _answer(
            self._refunds.list_async({"payment_intent": stands.reference, "limit": 100})
        )
        for refund in _listed(page):
            if (refund.get("metadata") or {}).get(OPERATION) == key:
                return _refund(refund, stands)
        return _unread() if page.get("has_more") else None

    async def _not_captured(
        self, key: str, reference: str, amount: int, refused: _Refused
    ) -> Report | Refusal:
        """A refusal may only mean that the same call, made twice, has come through before."""
        try:
            intent = await self._intent(reference)
        except _Refused:
            return _unread()
        known = _capture(intent, key)
        if known is not None:
            return known
        over = amount > _read(intent).held
        return Refusal("capture_exceeds_authorised") if over else refused.refusal


async def _answer(call: Awaitable[Any]) -> dict[str, Any]:
    """What Stripe answers; raises `_Refused`, or what a call raises without a usable answer."""
    try:
        answer = await call
    except (stripe.CardError, stripe.InvalidRequestError) as error:
        raise _Refused(_error(error)) from None
    except (stripe.AuthenticationError, stripe.PermissionError, stripe.RateLimitError) as error:
        # Turned away at the door: certainly without effect.
        log.warning("turned away", extra={"why": type(error).__name__})
        raise Unreachable(type(error).__name__) from None
    except stripe.StripeError as error:
        # A conflict about the idempotency key among them: another call under it is under way.
        raise Broken(f"{type(error).__name__} {error.http_status}") from None
    return answer.to_dict() if isinstance(answer, stripe.StripeObject) else _unread()


def _error(error: stripe.StripeError) -> Object:
    body = error.json_body
    found = body.get("error") if isinstance(body, dict) else None
    if not isinstance(found, dict):
        raise Broken(f"status {error.http_status} without an error")
    return found


def _unread() -> NoReturn:
    raise Broken("the answer is not one of this provider")


# --- reading answers; each raises `Broken` for what it cannot read ------------------------------


def _read(intent: Any) -> Report:
    try:
        return read_intent(intent)
    except UNREADABLE:
        _unread()


def _listed(page: Object) -> list[dict[str, Any]]:
    found = page.get("data")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        _unread()
    return found


def _authorisation(intent: Object) -> Report:
    report = _read(intent)
    return answered(report, report.reference, report.authorised)


def _declined(wish: Wish, refused: _Refused) -> Report | Refusal:
    """A decline comes as an error that carries the payment intent, from old versions without it."""
    error = refused.error
    if error.get("type") != "card_error" and not error.get("charge"):
        return refused.refusal
    intent = error.get("payment_intent") or {}
    decline = read_decline(error)
    card = (error.get("payment_method") or {}).get("card") or {}
    return Report(
        payment=wish.payment,
        reference=str(intent.get("id") or ""),
        status=Status.DECLINED,
        currency=wish.currency,
        decline_code=decline.code,
        retryable=decline.retryable,
        display=display(card),
        moved=0,
    )


def _capture(intent: Object, key: str) -> Report | None:
    report = _read(intent)
    try:
        moved = captured_under(intent, key)
    except UNREADABLE:
        _unread()
    return None if moved is None else answered(report, report.reference, moved)


def _refund(refund: Object, stands: Report) -> Report | Refusal:
    try:
        if refund["status"] in FAILED:
            return Refusal("refund_failed")
        return answered(stands, text(refund["id"]), refunded_by(refund, stands.currency))
    except UNREADABLE:
        _unread()
