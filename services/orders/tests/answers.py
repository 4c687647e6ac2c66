"""What a neighbour may say instead of yes."""

from comptoir_orders.errors import OutcomeUnknown
from comptoir_runtime.errors import FailedPrecondition, RemoteFailure


def refusal(reason: str, **metadata: str) -> RemoteFailure:
    return RemoteFailure(
        reason.lower(),
        reason=reason,
        status=FailedPrecondition.status,
        domain="comptoir.neighbour",
        metadata=metadata,
    )


def lost(where: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"no answer from {where}", metadata={"reason": "UNAVAILABLE", "procedure": where}
    )
