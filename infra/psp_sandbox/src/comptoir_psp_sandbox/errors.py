"""What the provider refuses, by name. The code is the contract; the message is for people."""

from typing import Any, ClassVar


class Refusal(Exception):
    """An answer other than the one asked for: `code` and `status` go to the caller as they are.

    `kept` refusals are decisions about money: they are journalled under their idempotency key, so
    that a repeated request is refused in the same words. The others leave no trace.
    """

    code: ClassVar[str]
    status: ClassVar[int] = 422
    kept: ClassVar[bool] = False

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def body(self) -> dict[str, Any]:
        """The JSON answer, shared by every refusal."""
        return {"error": {"code": self.code, "message": self.message, **self.details}}


class InvalidRequest(Refusal):
    code = "invalid_request"
    status = 400


class IdempotencyKeyRequired(Refusal):
    code = "idempotency_key_required"
    status = 400


class NotATestCard(Refusal):
    code = "not_a_test_card"


class CardExpired(Refusal):
    code = "card_expired"


class IdempotencyKeyReused(Refusal):
    code = "idempotency_key_reused"
    status = 409


class NotFound(Refusal):
    code = "not_found"
    status = 404


class MethodNotAllowed(Refusal):
    code = "method_not_allowed"
    status = 405


class ActionRequired(Refusal):
    """Not kept: nothing was decided, and the same confirmation may succeed once the buyer acts."""

    code = "action_required"


class PaymentNotAuthorised(Refusal):
    code = "payment_not_authorised"
    kept = True


class PaymentVoided(Refusal):
    code = "payment_voided"
    kept = True


class AuthorisationExpired(Refusal):
    code = "authorisation_expired"
    kept = True


class CaptureExceedsAuthorised(Refusal):
    code = "capture_exceeds_authorised"
    kept = True


class NothingToVoid(Refusal):
    code = "nothing_to_void"
    kept = True


class NothingThere(Refusal):
    code = "nothing_there"
    kept = True


class RefundExceedsCaptured(Refusal):
    code = "refund_exceeds_captured"
    kept = True


class JournalUnavailable(Refusal):
    """The disk failed: nothing is acknowledged any more until the process is started again."""

    code = "journal_unavailable"
    status = 503
