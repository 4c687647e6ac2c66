"""Every query and every lock of payments."""

from comptoir_payments.store.answers import keep_answer
from comptoir_payments.store.ledger import balances, post_transfer
from comptoir_payments.store.notices import (
    DueNotice,
    DueOperation,
    claim_notices,
    claim_operations,
    close_notice,
    keep_notice,
    postpone_notice,
)
from comptoir_payments.store.payments import (
    ChangedMeanwhile,
    RequestKnown,
    create_payment,
    find_payment,
    get_payment,
    lock_payment,
    newest_payments,
    operation_of_request,
    settle_operation,
    start_operation,
)

__all__ = [
    "ChangedMeanwhile",
    "DueNotice",
    "DueOperation",
    "RequestKnown",
    "balances",
    "claim_notices",
    "claim_operations",
    "close_notice",
    "create_payment",
    "find_payment",
    "get_payment",
    "keep_answer",
    "keep_notice",
    "lock_payment",
    "newest_payments",
    "operation_of_request",
    "post_transfer",
    "postpone_notice",
    "settle_operation",
    "start_operation",
]
