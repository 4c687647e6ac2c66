"""Telling a refusal, after which nothing has happened, from an answer that says nothing."""

from typing import Any, Protocol

import grpc
from google.protobuf.message import Message

from comptoir.type.v1 import money_pb2
from comptoir_orders.errors import OutcomeUnknown
from comptoir_runtime import money
from comptoir_runtime.errors import Failure

# The step may or may not have happened.
_UNSETTLED = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DATA_LOSS,
        # It did not happen, but that says nothing about the request: try again.
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        # Our own credentials, not the buyer's: a matter of operations.
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
_TRANSIENT = frozenset({"CONCURRENT_CHANGE", "LOCK_TIMEOUT", "OPERATION_IN_PROGRESS"})
# Known, whatever their status says: the request never reached the provider, or was not looked at
# because its payer has tried too many wrong codes.
_SETTLED = frozenset({"PROVIDER_UNAVAILABLE", "TOO_MANY_ATTEMPTS"})


class Caller(Protocol):
    """`comptoir_runtime.channel.Client`, or what stands in for it in a test."""

    async def call(self, name: str, request: Message, *, timeout: float = 3.0) -> Any:  # noqa: ASYNC109 - a gRPC deadline
        """The answer; raises `Failure`."""


async def ask(caller: Caller, name: str, request: Message, seconds: float) -> Any:
    """The answer. Raises the neighbour's `Failure` when it refused, else `OutcomeUnknown`."""
    try:
        return await caller.call(name, request, timeout=seconds)
    except Failure as failure:
        if failure.reason not in _SETTLED and (
            failure.status in _UNSETTLED or failure.reason in _TRANSIENT
        ):
            raise OutcomeUnknown(
                failure.message, metadata={"reason": failure.reason, "procedure": name}
            ) from failure
        raise


def minor(amount: money_pb2.Money) -> int:
    """The amount in minor units; an absent one is 0."""
    return money.to_minor(amount) if amount.currency else 0
