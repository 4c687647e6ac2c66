"""Money that a till has taken: nobody to ask, so every answer is yes."""

from collections.abc import Mapping
from datetime import datetime

from comptoir_payments.domain.reports import Refusal, Report, Status
from comptoir_payments.errors import WebhookMalformed
from comptoir_payments.providers.contract import Notice, Wish

NOT_AT_A_TILL = "not_at_a_till"


class Till:
    """A till takes and gives back; it keeps nothing for later and sends no notices.

    What it did not take note of it has not done, so a lost call is simply made again.
    """

    name = "till"

    async def authorise(self, key: str, wish: Wish) -> Report | Refusal:
        return Refusal(NOT_AT_A_TILL)

    async def capture(self, key: str, reference: str, amount: int) -> Report | Refusal:
        return Refusal(NOT_AT_A_TILL)

    async def void(self, key: str, reference: str) -> Report | Refusal:
        return Refusal(NOT_AT_A_TILL)

    async def refund(self, key: str, reference: str, amount: int) -> Report | Refusal:
        """The drawer is opened, or the terminal gives the amount back, at the till itself."""
        return Report(
            payment="",
            reference=reference,
            status=Status.APPROVED,
            currency="",
            operation=key,
            moved=amount,
        )

    async def fetch(self, reference: str) -> Report | Refusal:
        return Refusal(NOT_AT_A_TILL)

    async def recall(self, key: str, reference: str) -> Report | Refusal | None:
        return None

    def parse(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice:
        raise WebhookMalformed("tills send no notices")
