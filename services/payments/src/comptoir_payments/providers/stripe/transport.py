"""Carries the SDK's requests over our own connections.

The SDK finds out itself what to send and what an answer means. What it brings along to send it with
hides what we must know: whether a call can have arrived. Ours says so, and it keeps calls out of
transactions and within the caller's time.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import stripe

from comptoir_payments.providers.http import HttpClient

PLACE = "http://stripe"
"""What the SDK takes for the address; the real one is known to the connections."""


class Transport(stripe.HTTPClient):
    """Raises `Unreachable`, `Broken` and `TimedOut`, which the SDK passes on as they are."""

    name: ClassVar[str] = "comptoir"

    def __init__(self, http: HttpClient) -> None:
        super().__init__()
        self._http = http

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        body = None if post_data is None else str(post_data).encode()
        path = url.removeprefix(PLACE)
        answer = await self._http.send(method.upper(), path, body, headers)
        return answer.body, answer.status, {}
