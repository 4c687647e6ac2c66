"""Bodies as they arrive → checked values. Nothing past this file sees a malformed request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from comptoir_psp_sandbox.domain import PaymentRequest
from comptoir_psp_sandbox.errors import CardExpired, InvalidRequest

LARGEST_AMOUNT: Final = 1_000_000_000_000
_CURRENCY: Final = re.compile(r"[A-Z]{3}\Z")
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}\Z")
_NUMBER: Final = re.compile(r"[0-9]{12,19}\Z")
_CVC: Final = re.compile(r"[0-9]{3,4}\Z")


@dataclass(frozen=True, slots=True)
class CardDetails:
    number: str


def parse_object(raw: bytes) -> dict[str, Any]:
    """A JSON object; an empty body is an empty object."""
    try:
        value = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError as error:
        raise InvalidRequest("the body is not valid JSON") from error
    if not isinstance(value, dict):
        raise InvalidRequest("the body must be a JSON object")
    return value


def parse_key(value: str) -> str:
    if not _KEY.match(value):
        raise InvalidRequest("Idempotency-Key must be 1 to 255 visible ASCII characters")
    return value


def parse_payment(body: Mapping[str, Any]) -> PaymentRequest:
    currency = body.get("currency")
    if not isinstance(currency, str) or not _CURRENCY.match(currency):
        raise InvalidRequest("currency must be three capital letters (ISO 4217)", param="currency")
    capture = body.get("capture", False)
    if not isinstance(capture, bool):
        raise InvalidRequest("capture must be true or false", param="capture")
    return PaymentRequest(
        amount=_amount(body.get("amount")),
        currency=currency,
        payment_method=_text(body, "payment_method", required=True),
        capture=capture,
        reference=_text(body, "reference"),
        return_url=_return_url(_text(body, "return_url")),
    )


def parse_amount(body: Mapping[str, Any]) -> int | None:
    """The amount of a capture or refund; absent or null means all that is left."""
    value = body.get("amount")
    return None if value is None else _amount(value)


def parse_card(body: Mapping[str, Any], *, year: int, month: int) -> CardDetails:
    """A card to tokenise; `year` and `month` are today's."""
    card = body.get("card")
    if not isinstance(card, dict):
        raise InvalidRequest("card must be an object", param="card")
    number = card.get("number")
    if (
        not isinstance(number, str)
        or not _NUMBER.match(number := number.replace(" ", ""))
        or not _luhn(number)
    ):
        # The number itself is never repeated, in answers or logs.
        raise InvalidRequest("number is not a card number", param="card.number")
    if not isinstance(cvc := card.get("cvc"), str) or not _CVC.match(cvc):
        raise InvalidRequest("cvc must be three or four digits", param="card.cvc")
    until_month, until_year = card.get("exp_month"), card.get("exp_year")
    if type(until_month) is not int or not 1 <= until_month <= 12:
        raise InvalidRequest("exp_month must be 1 to 12", param="card.exp_month")
    if type(until_year) is not int or not 2000 <= until_year <= 2199:
        raise InvalidRequest("exp_year must have four digits", param="card.exp_year")
    if (until_year, until_month) < (year, month):
        raise CardExpired("the card has expired", param="card.exp_year")
    return CardDetails(number)


def _amount(value: object) -> int:
    # bool is an int to isinstance; an amount of `true` is a mistake.
    if type(value) is not int or not 1 <= value <= LARGEST_AMOUNT:
        raise InvalidRequest(
            f"amount must be a whole number of minor units, 1 to {LARGEST_AMOUNT}",
            param="amount",
        )
    return value


def _text(body: Mapping[str, Any], name: str, *, required: bool = False) -> str:
    value = body.get(name) or ""
    if not isinstance(value, str) or len(value) > 2048 or (required and not value):
        raise InvalidRequest(f"{name} must be a text", param=name)
    return value


def _return_url(value: str) -> str:
    if value and (urlsplit(value).scheme not in ("http", "https") or not value.isprintable()):
        raise InvalidRequest("return_url must be an http or https address", param="return_url")
    return value


def _luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    doubled = (digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
