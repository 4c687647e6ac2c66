"""Payments and the ledger, and the provider's journal of them."""

from collections.abc import Iterable
from typing import Any

from infra.audit.tests.story.sales import (
    AGO,
    CANCELLED,
    FAILED,
    FULFILLED,
    HASH,
    PLACED,
    SALES,
    SOLD,
    WAITING,
    Sale,
    Told,
)

_CAPTURED = {"fulfilled": 2740, "sold": 500}
_PAYMENT_STATES = {
    "fulfilled": "captured",
    "placed": "authorised",
    "cancelled": "voided",
    "sold": "captured",
    "failed": "failed",
    "waiting": "requires_action",
}


def _operation(told: Told, sale: Sale, kind: str, amount: int, state: str = "succeeded") -> None:
    due, asked = ("now() + interval '1 day'", 1) if state == "pending" else ("NULL", 0)
    told.insert(
        "payments",
        "operation",
        "id, payment_id, kind, state, amount, scope, caller, request_id, request_hash,"
        " provider_reference, failure_code, token, return_url, attempts, next_attempt_at,"
        " created_at",
        f"'pop_{kind}_{sale.name}', 'pay_{sale.name}', '{kind}', '{state}', {amount}, '{kind}',"
        f" 'orders', '{sale.name}', {HASH}, '', '', '', '', {asked}, {due}, {AGO}",
    )


def _transfer(told: Told, sale: Sale, kind: str, entries: Iterable[tuple[str, int]]) -> None:
    operation = f"pop_{kind}_{sale.name}"
    for account, _ in entries:
        told.sql["payments"].append(
            f"INSERT INTO ledger_account (code, currency, created_at)"
            f" VALUES ('{account}', 'EUR', {AGO}) ON CONFLICT DO NOTHING"
        )
    told.insert(
        "payments",
        "ledger_transfer",
        "operation_id, payment_id, kind, posted_at",
        f"'{operation}', 'pay_{sale.name}', '{kind}', {AGO}",
    )
    told.insert(
        "payments",
        "ledger_entry",
        "operation_id, number, account, currency, amount, posted_at",
        *(
            f"'{operation}', {number}, '{account}', 'EUR', {amount}, {AGO}"
            for number, (account, amount) in enumerate(entries, 1)
        ),
    )


def _refund_as_credit(told: Told) -> None:
    """A part that the customer of `fulfilled` wanted as store credit: the provider has no part."""
    told.insert(
        "payments",
        "purse",
        "id, kind, owner, buyers, currency, display, balance, held, credit_limit, terms_days,"
        " created_at, updated_at",
        # What is in it comes with the entry, by trigger.
        f"'crd_1', 'store_credit', 'cus_1', '{{}}', 'EUR', '', 0, 0, 0, 0, {AGO}, {AGO}",
    )
    told.insert(
        "payments",
        "operation",
        "id, payment_id, kind, state, amount, scope, caller, request_id, request_hash,"
        " provider_reference, failure_code, token, return_url, attempts, created_at, means,"
        " purse_id, consent_by, consent_at, consent_text",
        f"'pop_credit_fulfilled', 'pay_fulfilled', 'refund', 'succeeded', 100, 'refund', 'staff',"
        f" 'credit', {HASH}, '', '', '', '', 0, {AGO}, 'store_credit', 'crd_1', 'cus_1', {AGO},"
        f" 'credit-1'",
    )
    told.insert(
        "payments",
        "ledger_account",
        "code, currency, created_at",
        f"'store_credit', 'EUR', {AGO}",
    )
    told.insert(
        "payments",
        "ledger_transfer",
        "operation_id, payment_id, kind, posted_at",
        f"'pop_credit_fulfilled', 'pay_fulfilled', 'refund', {AGO}",
    )
    told.insert(
        "payments",
        "ledger_entry",
        "operation_id, number, account, currency, amount, posted_at, holder",
        f"'pop_credit_fulfilled', 1, 'refunds', 'EUR', 100, {AGO}, ''",
        f"'pop_credit_fulfilled', 2, 'store_credit', 'EUR', -100, {AGO}, 'crd_1'",
    )


def tell_payments(told: Told) -> None:
    for sale in SALES:
        state, captured = _PAYMENT_STATES[sale.name], _CAPTURED.get(sale.name, 0)
        authorised = sale.total if state in {"captured", "authorised"} else 0
        told.insert(
            "payments",
            "payment",
            "id, order_id, payer, state, currency, amount, authorised_amount, captured_amount,"
            " refunded_amount, capturing_amount, refunding_amount, voiding, method, display,"
            " provider, provider_reference, settles_in, action_url, decline_code, retryable,"
            " created_at, updated_at, version",
            f"'pay_{sale.name}', 'ord_{sale.name}', '{sale.customer}', '{state}', 'EUR',"
            f" {sale.total}, {authorised}, {captured}, {550 if sale is FULFILLED else 0}, 0, 0,"
            f" false, 'card', '', '{sale.provider}',"
            f" '{'' if sale is SOLD else f'psp_{sale.name}'}', 'clearing', '', '', false,"
            f" {AGO}, {AGO}, 1",
        )
        if sale is not SOLD:
            outcome = {"failed": "failed", "waiting": "pending"}.get(sale.name, "succeeded")
            _operation(told, sale, "authorise", sale.total, outcome)
        if captured:
            _operation(told, sale, "capture", captured)
            entries = [("clearing", captured), ("customer_receivable", -captured)]
            _transfer(told, sale, "capture", entries)
            told.event("payments", "PaymentCaptured", f"pay_{sale.name}")
        if state in {"captured", "authorised", "voided"} and sale is not SOLD:
            told.event("payments", "PaymentAuthorised", f"pay_{sale.name}")
    _operation(told, CANCELLED, "void", CANCELLED.total)
    _operation(told, FULFILLED, "refund", 450)
    _transfer(told, FULFILLED, "refund", [("refunds", 450), ("clearing", -450)])
    _refund_as_credit(told)
    told.event("payments", "PaymentRefunded", "pay_fulfilled")
    told.event("payments", "PaymentFailed", "pay_failed")


def _entry(
    kind: str, sale: Sale, moved: int, status: str, *, captured: int = 0, voided: int = 0
) -> dict[str, Any]:
    authorised = 0 if status in {"declined", "requires_action"} else sale.total
    return {
        "type": f"payment.{kind}",
        "at": 1_700_000_000,
        "answer": {
            "id": f"psp_{sale.name}",
            "reference": f"pay_{sale.name}",
            "currency": "EUR",
            "status": status,
            "authorised_amount": authorised,
            "captured_amount": captured,
            "voided_amount": voided,
            "operation": {"kind": kind, "amount": moved},
        },
    }


def entry_of(
    kind: str,
    name: str,
    moved: int,
    *,
    as_id: str = "",
    captured: int = 0,
    charged_back: int = 0,
) -> dict[str, Any]:
    """One more entry of the journal about a sale of the story; `as_id`: under another id."""
    sale = next(each for each in SALES if each.name == name)
    entry = _entry(kind, sale, moved, "captured", captured=captured)
    entry["answer"]["charged_back_amount"] = charged_back
    if as_id:
        entry["answer"] |= {"id": f"psp_{as_id}", "reference": f"pay_{as_id}"}
    return entry


JOURNAL = (
    {"type": "payment_method.created", "at": 1_700_000_000, "method": {}},
    _entry("authorised", FULFILLED, 2740, "authorised"),
    _entry("authorised", PLACED, 1490, "authorised"),
    _entry("authorised", CANCELLED, 990, "authorised"),
    _entry("captured", FULFILLED, 2740, "captured", captured=2740),
    _entry("refunded", FULFILLED, 450, "captured", captured=2740),
    _entry("voided", CANCELLED, 990, "voided", voided=990),
    _entry("declined", FAILED, 0, "declined"),
    _entry("requires_action", WAITING, 0, "requires_action"),
    {"type": "operation.refused", "at": 1_700_000_000, "answer": {"error": {}}},
)
"""The provider's journal."""
