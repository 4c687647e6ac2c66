"""The payers' banks: what they do at the provider without asking the shop."""

import asyncio
import secrets
import time
from http import HTTPStatus

import httpx

from tests.faults.client import GaveUp, Json
from tests.faults.witness import Deed, Witness
from tests.faults.world import PATIENCE_SECONDS, World

_PAUSE_SECONDS = 0.25


class Bank:
    """One for all payers; what it does the shop learns from the provider's notices, if at all."""

    def __init__(self, world: World, witness: Witness, patience: float = PATIENCE_SECONDS) -> None:
        self._url = world.surroundings.provider_url
        self._witness = witness
        self._patience = patience

    async def lets(self, deed: Deed, payment: Json, amount: int) -> None:
        """Sends a refund back, disputes so much of a payment, or decides a dispute about it."""
        key, give_up = secrets.token_hex(12), time.monotonic() + self._patience
        self._witness.asks(key, deed, payment["id"], amount)
        # A dispute is decided as a whole.
        body = {} if deed in (Deed.WIN, Deed.LOSE) else {"amount": amount}
        path = f"/v1/payments/{payment['providerReference']}/{deed}"
        while not await self._has_happened(path, body, key):
            if time.monotonic() > give_up:
                raise GaveUp(f"the provider never took {deed} of {payment['id']}")
            await asyncio.sleep(_PAUSE_SECONDS)
        self._witness.hears(key, {"state": "GRANTED"})

    async def _has_happened(self, path: str, body: Json, key: str) -> bool:
        """False when the provider did not answer: it may have been killed, and is asked again."""
        try:
            async with httpx.AsyncClient(base_url=self._url, timeout=30) as http:
                answer = await http.post(path, json=body, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            return False
        assert answer.status_code in (HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE), answer.text
        return answer.status_code == HTTPStatus.OK
