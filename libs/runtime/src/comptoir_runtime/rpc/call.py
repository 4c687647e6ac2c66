"""What a procedure knows about the call it answers."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from google.protobuf.message import Message

from comptoir_runtime import idempotency
from comptoir_runtime.auth import Principal
from comptoir_runtime.clock import Clock
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.idempotency import RequestKey
from comptoir_runtime.rpc.once import once

M = TypeVar("M", bound=Message)

LOCALE_KEY = "accept-language"


class Call:
    """One call. `session` is only there for a step or a query."""

    __slots__ = (
        "clock",
        "deadline",
        "metadata",
        "principal",
        "procedure",
        "replayed",
        "session",
        "transactions",
    )

    session: Session

    def __init__(
        self,
        *,
        procedure: str,
        principal: Principal | None,
        transactions: Transactions,
        clock: Clock,
        metadata: Mapping[str, str],
        deadline: float | None,
    ) -> None:
        self.procedure = procedure
        """`package.Service/Method`, the scope of request ids."""
        self.principal = principal
        """The verified caller; None without a token."""
        self.transactions = transactions
        self.clock = clock
        self.metadata = metadata
        self.deadline = deadline
        """When the caller gives up, in `time.monotonic()` seconds."""
        self.replayed = False
        """Whether the answer was made by an earlier call."""

    def key_of(self, request: Message) -> RequestKey | None:
        """What makes the request repeatable; None when it bears no request id."""
        if not getattr(request, idempotency.FIELD):
            return None
        caller = "" if self.principal is None else self.principal.subject
        return idempotency.key_of(self.procedure, caller, request)

    async def once(
        self, request: Message, kind: type[M], body: Callable[[Session], Awaitable[M]]
    ) -> M:
        """The answer of `body`, which runs in a transaction; for processes that end with a step.

        With a request id it is carried out once, as a step is.
        """
        key = self.key_of(request)
        if key is None:
            return await self.transactions.run(body)

        async def answer(session: Session) -> bytes:
            return (await body(session)).SerializeToString()

        stored, self.replayed = await once(self.transactions, key, answer)
        return kind.FromString(stored)

    @property
    def locale(self) -> str:
        """The first language the caller prefers, such as `fr-CA`; empty when it does not say."""
        preferred = self.metadata.get(LOCALE_KEY, "").split(",", 1)[0]
        return preferred.split(";", 1)[0].strip()

    @property
    def remaining(self) -> float | None:
        """Seconds until the caller gives up."""
        return None if self.deadline is None else self.deadline - time.monotonic()
