"""Rows ↔ values, and the columns they share."""

from collections.abc import Sequence
from typing import Any

from comptoir_payments.domain.instructions import Consent
from comptoir_payments.domain.payments import Kind, Operation, Payment, Progress, State
from comptoir_runtime.database import Row
from comptoir_runtime.idempotency import RequestKey

PAYMENT_COLUMNS = """
id, order_id, payer, state, currency, amount, authorised_amount, captured_amount,
refunded_amount, capturing_amount, refunding_amount, voiding, method, display, provider,
provider_reference, settles_in, action_url, decline_code, retryable, expires_at, created_at,
updated_at, version, purse_id, due_at, lapsed, disputed_amount, charged_back_amount,
single_capture, purse_expires_at"""

OPERATION_COLUMNS = """
id, payment_id, kind, state, amount, scope, caller, request_id, request_hash, provider_reference,
failure_code, token, return_url, attempts, next_attempt_at, created_at, answer, amount_left,
reason, means, purse_id, consent_by, consent_at, consent_text"""


_NO_CONSENT = (None, None, None)

# A payment and all its operations in one answer: a round trip less for everything that reads one.
_PREFIX = "operation_"
_NAMES = [name.strip() for name in OPERATION_COLUMNS.split(",")]
WITH_OPERATIONS = ", ".join(
    [f"payment.{name.strip()}" for name in PAYMENT_COLUMNS.split(",")]
    + [f"operation.{name} AS {_PREFIX}{name}" for name in _NAMES]
)

# What a new payment may bring along; all else of it is nothing, and said so in the statement.
NEW_PAYMENT = """
id, order_id, payer, state, currency, amount, authorised_amount, capturing_amount, method, display,
provider, settles_in, created_at, purse_id, updated_at, purse_expires_at, captured_amount,
refunded_amount, refunding_amount, voiding, provider_reference, action_url, decline_code, retryable,
version"""
NEW_PAYMENT_VALUES = """
$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $13, $27, 0, 0, 0, false, '', '', '',
false, 1"""
NEW_OPERATION = """
payment_id, created_at, id, kind, state, amount, scope, caller, request_id, request_hash, token,
return_url, next_attempt_at, amount_left, provider_reference, failure_code, attempts"""
NEW_OPERATION_VALUES = """
$1, $13, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, '', '', 0"""


def new_values(payment: Payment, operation: Operation) -> tuple[Any, ...]:
    """What `NEW_PAYMENT_VALUES` and `NEW_OPERATION_VALUES` name by number."""
    request = operation.request
    return (
        payment.id,
        payment.order,
        payment.payer,
        payment.state,
        payment.currency,
        payment.amount,
        payment.authorised,
        payment.capturing,
        payment.method,
        payment.display,
        payment.provider,
        payment.settles_in,
        payment.created_at,
        payment.purse or None,
        operation.id,
        operation.kind,
        operation.progress,
        operation.amount,
        request.scope,
        request.caller,
        request.key,
        request.request_hash,
        operation.token,
        operation.return_url,
        operation.next_attempt_at,
        operation.amount_left,
        payment.purse_expires_at,
    )


def changing_values(payment: Payment) -> tuple[Any, ...]:
    """What may change after a payment was created, in the order of `SET_PAYMENT`."""
    return (
        payment.state,
        payment.authorised,
        payment.captured,
        payment.refunded,
        payment.capturing,
        payment.refunding,
        payment.voiding,
        payment.display,
        payment.provider_reference,
        payment.action_url,
        payment.decline_code,
        payment.retryable,
        payment.expires_at,
        payment.updated_at,
        payment.due_at,
        payment.lapsed,
        payment.disputed,
        payment.charged_back,
        payment.single_capture,
    )


_CHANGING = """
state = $3, authorised_amount = $4, captured_amount = $5, refunded_amount = $6,
  capturing_amount = $7, refunding_amount = $8, voiding = $9, display = $10,
  provider_reference = $11, action_url = $12, decline_code = $13, retryable = $14,
  expires_at = $15, updated_at = $16, due_at = $17, lapsed = $18,
  disputed_amount = $19, charged_back_amount = $20, single_capture = $21"""
# Compare and set: whoever has read an older version changes nothing and has to look again.
SET_PAYMENT = f"""
UPDATE payment SET version = version + 1, {_CHANGING}
WHERE id = $1 AND version = $2 RETURNING id"""
# The same for a statement that nobody waits for: an older version becomes NULL, which the column
# refuses.
SET_PAYMENT_OR_FAIL = f"""
UPDATE payment SET version = CASE WHEN version = $2 THEN version + 1 END, {_CHANGING}
WHERE id = $1"""


def operation_values(operation: Operation) -> tuple[Any, ...]:
    """In the order of `OPERATION_COLUMNS`."""
    request, consent = operation.request, operation.consent
    return (
        operation.id,
        operation.payment,
        operation.kind,
        operation.progress,
        operation.amount,
        request.scope,
        request.caller,
        request.key,
        request.request_hash,
        operation.provider_reference,
        operation.failure_code,
        operation.token,
        operation.return_url,
        operation.attempts,
        operation.next_attempt_at,
        operation.created_at,
        operation.answer,
        operation.amount_left,
        operation.reason,
        operation.means,
        operation.purse or None,
        *(_NO_CONSENT if consent is None else (consent.by, consent.at, consent.text)),
    )


class Prefixed:
    """The columns of an operation beside those of its payment."""

    __slots__ = ("_row",)

    def __init__(self, row: Row) -> None:
        self._row = row

    def __getitem__(self, name: str) -> Any:
        return self._row[_PREFIX + name]


def payment_of(row: Row, operations: Sequence[Row | Prefixed]) -> Payment:
    return Payment(
        id=row["id"],
        order=row["order_id"],
        payer=row["payer"],
        state=State(row["state"]),
        currency=row["currency"],
        amount=row["amount"],
        authorised=row["authorised_amount"],
        captured=row["captured_amount"],
        refunded=row["refunded_amount"],
        capturing=row["capturing_amount"],
        refunding=row["refunding_amount"],
        voiding=row["voiding"],
        method=row["method"],
        display=row["display"],
        provider=row["provider"],
        provider_reference=row["provider_reference"],
        settles_in=row["settles_in"],
        action_url=row["action_url"],
        decline_code=row["decline_code"],
        retryable=row["retryable"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
        purse=row["purse_id"] or "",
        due_at=row["due_at"],
        lapsed=row["lapsed"],
        disputed=row["disputed_amount"],
        charged_back=row["charged_back_amount"],
        single_capture=row["single_capture"],
        purse_expires_at=row["purse_expires_at"],
        operations=tuple(operation_of(each) for each in operations),
    )


def payment_with_operations(rows: Sequence[Row]) -> Payment:
    """The payment of an answer to `WITH_OPERATIONS`, whose rows are its operations."""
    return payment_of(rows[0], [Prefixed(row) for row in rows if row["operation_id"] is not None])


def operation_of(row: Row | Prefixed) -> Operation:
    return Operation(
        id=row["id"],
        payment=row["payment_id"],
        kind=Kind(row["kind"]),
        progress=Progress(row["state"]),
        amount=row["amount"],
        request=RequestKey(row["scope"], row["caller"], row["request_id"], row["request_hash"]),
        provider_reference=row["provider_reference"],
        failure_code=row["failure_code"],
        token=row["token"],
        return_url=row["return_url"],
        attempts=row["attempts"],
        next_attempt_at=row["next_attempt_at"],
        created_at=row["created_at"],
        answer=row["answer"],
        amount_left=row["amount_left"],
        reason=row["reason"],
        means=row["means"],
        purse=row["purse_id"] or "",
        consent=None
        if row["consent_by"] is None
        else Consent(row["consent_by"], row["consent_at"], row["consent_text"]),
    )
