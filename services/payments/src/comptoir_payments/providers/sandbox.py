"""The sandbox provider: HTTP out, our words in. Its contract is infra/psp_sandbox/README.md."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import orjson

from comptoir_payments.domain.reports import Refusal, Report, Status
from comptoir_payments.errors import WebhookMalformed
from comptoir_payments.providers.contract import Broken, Notice, Wish
from comptoir_payments.providers.http import Answer, HttpClient
from comptoir_payments.providers.signatures import check_signature

_STATUSES = {
    "requires_action": Status.REQUIRES_ACTION,
    "pending": Status.PENDING,
    "authorised": Status.APPROVED,
    "partially_captured": Status.APPROVED,
    "captured": Status.APPROVED,
    "voided": Status.VOIDED,
    "declined": Status.DECLINED,
}
# Another try by the same means can help: later, or with more care.
_RETRYABLE = frozenset({"insufficient_funds", "incorrect_cvc", "authentication_failed"})
# Their answers say that the call was not understood or not allowed: nothing has moved.
_REFUSALS = frozenset({400, 404, 405, 409, 422})
_NOT_FOUND = 404
# What reading something of another shape may raise.
_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError)
_SIGNATURE = "sandbox-signature"


class Sandbox:
    """One configured sandbox; `secrets` are those its notices may be signed with, newest first."""

    name = "sandbox"

    def __init__(self, http: HttpClient, secrets: tuple[str, ...]) -> None:
        self._http = http
        self._secrets = tuple(secret.encode() for secret in secrets)

    async def authorise(self, key: str, wish: Wish) -> Report | Refusal:
        body = {
            "amount": wish.amount,
            "currency": wish.currency,
            "payment_method": wish.token,
            "reference": wish.payment,
            "return_url": wish.return_url,
        }
        return await self._post("/v1/payments", key, body)

    async def capture(self, key: str, reference: str, amount: int) -> Report | Refusal:
        return await self._post(f"{_path(reference)}/capture", key, {"amount": amount})

    async def void(self, key: str, reference: str) -> Report | Refusal:
        return await self._post(f"{_path(reference)}/void", key, {})

    async def refund(self, key: str, reference: str, amount: int) -> Report | Refusal:
        return await self._post(f"{_path(reference)}/refund", key, {"amount": amount})

    async def fetch(self, reference: str) -> Report | Refusal:
        return _understood(await self._http.get(_path(reference)))

    async def recall(self, key: str, reference: str) -> Report | Refusal | None:
        answer = await self._http.get(f"/v1/operations/{quote(key, safe='')}")
        if answer.status == _NOT_FOUND:
            return None
        if answer.status != 200:
            raise Broken(f"status {answer.status}")
        found = _object(answer.body)
        return _read(found.get("status_code"), found.get("answer"))

    def parse(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice:
        check_signature(headers.get(_SIGNATURE, ""), body, self._secrets, now)
        try:
            event = orjson.loads(body)
            report = _report(event["data"]["payment"])
            return Notice(self.name, _text(event["id"]), _text(event["type"]), report)
        except _UNREADABLE:
            raise WebhookMalformed("the notice is not one of this provider") from None

    async def _post(self, path: str, key: str, body: dict[str, Any]) -> Report | Refusal:
        headers = {"idempotency-key": key}
        return _understood(await self._http.post(path, orjson.dumps(body), headers))


def _path(reference: str) -> str:
    return f"/v1/payments/{quote(reference, safe='')}"


def _understood(answer: Answer) -> Report | Refusal:
    """The answer in our words; raises `Broken` for all that is neither a yes nor a no."""
    if answer.status not in (200, 201) and answer.status not in _REFUSALS:
        raise Broken(f"status {answer.status}")
    return _read(answer.status, _object(answer.body))


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Broken("the answer is not JSON") from None
    if not isinstance(value, dict):
        raise Broken("the answer is not a JSON object")
    return value


def _read(status: Any, body: Any) -> Report | Refusal:
    try:
        return Refusal(_text(body["error"]["code"])) if status >= 400 else _report(body)
    except _UNREADABLE:
        raise Broken("the answer is not one of this provider") from None


def _report(payment: Any) -> Report:
    """Raises one of `_UNREADABLE` when it is not a payment of this provider."""
    operation = payment.get("operation")
    card, action, decline = payment["card"], payment["action"], payment["decline_code"] or ""
    return Report(
        payment=_text(payment["reference"]),
        reference=_text(payment["id"]),
        status=_STATUSES[payment["status"]],
        currency=_text(payment["currency"]),
        authorised=_amount(payment["authorised_amount"]),
        captured=_amount(payment["captured_amount"]),
        voided=_amount(payment["voided_amount"]),
        refunded=_amount(payment["refunded_amount"]),
        disputed=_amount(payment.get("disputed_amount", 0)),
        charged_back=_amount(payment.get("charged_back_amount", 0)),
        single_capture=payment.get("single_capture") is True,
        decline_code=_text(decline),
        retryable=decline in _RETRYABLE,
        action_url=_text(action["redirect_url"]) if action else "",
        display=f"{card['brand'].capitalize()} •• {card['last4']}",
        expires_at=datetime.fromtimestamp(payment["expires_at"], UTC),
        operation=_text(operation["id"]) if operation else "",
        moved=_amount(operation["amount"]) if operation else None,
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _amount(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("an amount must be a whole number of minor units")
    return value
