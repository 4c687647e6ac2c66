"""Giving money back, whether it is only kept or was taken already. May be repeated for ever."""

from collections.abc import Sequence

from comptoir_orders import errors
from comptoir_orders.clients import Payments, PaymentStatus, PaymentView
from comptoir_runtime.errors import Failure

_TAKEN = errors.PAYMENT_ALREADY_CAPTURED


async def give_back_all(payments: Payments, process_id: str, found: Sequence[PaymentView]) -> None:
    """Gives back each of these payments, newest first as they are listed.

    One that cannot be given back now does not keep the others; its failure is raised at the end.
    """
    trouble: Failure | None = None
    for payment in found:
        if payment.status is PaymentStatus.ENDED:
            continue
        try:
            await give_back(payments, process_id, payment.id)
        except Failure as failure:
            trouble = trouble or failure
    if trouble is not None:
        raise trouble


async def give_back(payments: Payments, process_id: str, payment: str) -> None:
    """Voids what of a payment was not taken, and refunds what was."""
    try:
        stands = await payments.void(f"{process_id}/void/{payment}", payment)
    except Failure as failure:
        if failure.reason != _TAKEN:
            raise
        stands = await payments.get(payment)
    if stands.left_to_refund > 0:
        await payments.refund(
            f"{process_id}/refund/{payment}", payment, stands.left_to_refund, stands.currency
        )
