"""What a procedure knows about the call it answers."""

import time
from collections.abc import Mapping

from comptoir_runtime.auth import Principal
from comptoir_runtime.clock import Clock
from comptoir_runtime.database import Session, Transactions

LOCALE_KEY = "accept-language"


class Call:
    """One call. `session` is only there for a step or a query."""

    __slots__ = ("clock", "deadline", "metadata", "principal", "session", "transactions")

    session: Session

    def __init__(
        self,
        *,
        principal: Principal | None,
        transactions: Transactions,
        clock: Clock,
        metadata: Mapping[str, str],
        deadline: float | None,
    ) -> None:
        self.principal = principal
        """The verified caller; None without a token."""
        self.transactions = transactions
        self.clock = clock
        self.metadata = metadata
        self.deadline = deadline
        """When the caller gives up, in `time.monotonic()` seconds."""

    @property
    def locale(self) -> str:
        """The first language the caller prefers, such as `fr-CA`; empty when it does not say."""
        preferred = self.metadata.get(LOCALE_KEY, "").split(",", 1)[0]
        return preferred.split(";", 1)[0].strip()

    @property
    def remaining(self) -> float | None:
        """Seconds until the caller gives up."""
        return None if self.deadline is None else self.deadline - time.monotonic()
