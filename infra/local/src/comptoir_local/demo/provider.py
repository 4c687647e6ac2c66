"""What the customer's browser does at the provider, and the provider's own journal."""

from __future__ import annotations

import secrets
from collections import Counter

import httpx

from comptoir_local.demo.api import Json

CARD_NEEDING_3DS = "4000002500003155"
ORDINARY_CARD = "4242424242424242"
PAGE = 1000


class Provider:
    """The sandbox provider as a browser and an auditor see it."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def tokenise(self, number: str) -> str:
        """Gives a card to the provider and gets the token that stands for it."""
        card = {"number": number, "exp_month": 12, "exp_year": 2031, "cvc": "123"}
        response = await self._http.post("/v1/payment_methods", json={"card": card})
        response.raise_for_status()
        return str(response.json()["id"])

    async def pass_challenge(self, url: str) -> None:
        """Opens the 3-D Secure page and says yes."""
        page = await self._http.get(url)
        page.raise_for_status()
        answer = await self._http.post(
            url, json={"outcome": "success"}, headers={"Accept": "application/json"}
        )
        answer.raise_for_status()

    async def lets(self, payment: str, happen: str, amount: int | None = None) -> None:
        """What banks do without being asked, such as `dispute`; minor units, None for all."""
        response = await self._http.post(
            f"/v1/payments/{payment}/{happen}",
            json={} if amount is None else {"amount": amount},
            headers={"Idempotency-Key": secrets.token_hex(12)},
        )
        response.raise_for_status()

    async def journal(self) -> list[Json]:
        """What the provider has written down about payments, oldest first."""
        entries: list[Json] = []
        position, last = 0, 1
        while position < last:
            query = {"after": position, "limit": PAGE}
            response = await self._http.get("/v1/journal", params=query)
            response.raise_for_status()
            page = response.json()
            entries.extend(page["entries"])
            position = entries[-1]["seq"] if entries else page["last"]
            last = page["last"]
        return [entry for entry in entries if entry["type"].startswith("payment.")]


def captured_by_payment(entries: list[Json]) -> Counter[str]:
    """Minor units captured per payment, in the provider's books."""
    captured: Counter[str] = Counter()
    for entry in entries:
        if entry["type"] == "payment.captured":
            captured[entry["payment_id"]] += entry["answer"]["operation"]["amount"]
    return captured
