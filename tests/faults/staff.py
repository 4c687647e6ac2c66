"""A member of staff who fills purses, sends parcels and gives money back."""

import secrets
import time
from collections.abc import Callable

from comptoir_local.catalogue.first import Door
from tests.faults.buyers import Buyer, Means, as_json, minor
from tests.faults.client import Json
from tests.faults.witness import Deed, Witness
from tests.faults.world import PATIENCE_SECONDS, World


class Clerk(Buyer):
    """The first member of staff; several may ask her for something at the same time."""

    def __init__(self, world: World, witness: Witness, patience: float = PATIENCE_SECONDS) -> None:
        super().__init__(world.authorities, witness, patience)
        self._name = Door.of(world.surroundings)

    def _door(self) -> tuple[str, Json]:
        return "/v1/sessions:staff", {"email": self._name.email, "password": self._name.password}

    async def gift_card(self, amount: int) -> Means:
        """A new gift card, as a means to pay with."""
        card = await self._fill("/v1/gift-cards", amount, lambda told: told["giftCard"]["id"])
        return Means("gift_card", card["code"], purse=card["giftCard"]["id"])

    async def store_credit(self, customer: str, amount: int) -> Means:
        """More credit for a customer, as a means to pay with."""
        path = f"/v1/store-credits/{customer}:grant"
        credit = await self._fill(path, amount, lambda told: told["id"])
        return Means("store_credit", purse=credit["id"])

    async def account(self, customer: str, limit: int) -> Means:
        """An account a customer may buy on, as a means to pay with."""
        terms = {"creditLimit": as_json(limit), "termsDays": 30}
        await self.insist_on("PUT", f"/v1/credit-accounts/{customer}", terms)
        return Means("on_account")

    async def ship(self, order: str, parcels: int) -> None:
        """Sends so many parcels of an order, or all there are."""
        found = (await self.insist_on("GET", f"/v1/orders/{order}"))["fulfilments"]
        for parcel in found[:parcels]:
            await self._do(Deed.SHIP, f"/v1/fulfilments/{parcel['id']}:ship", parcel["id"])

    async def refund(self, order: str, amount: int) -> Json:
        """Gives something back of the first payment of an order, once it has been taken."""
        payment = await self.taken(order, amount)
        path = f"/v1/payments/{payment['id']}:refund"
        await self._do(Deed.REFUND, path, payment["id"], amount)
        return payment

    async def taken(self, order: str, amount: int) -> Json:
        """The first payment of an order, once so much of it has been taken."""
        first = (await self.insist_on("GET", f"/v1/orders/{order}"))["payments"][0]
        return await self._until(first, lambda now: _of(now, "capturedAmount") >= amount)

    async def sees(self, payment: Json, field: str, amount: int) -> None:
        """Waits until the shop has heard what somebody else has done to a payment."""
        await self._until(payment["id"], lambda now: _of(now, field) == amount)

    async def _until(self, payment: str, seen: Callable[[Json], bool]) -> Json:
        path, give_up = f"/v1/payments/{payment}", time.monotonic() + self.patience
        while not seen(now := await self.insist_on("GET", path)):
            await self.pause(give_up, f"payment {payment} stays as it is: {now}")
        return now

    async def _do(self, deed: Deed, path: str, of: str, amount: int = 0) -> None:
        body = {"amount": as_json(amount)} if amount else {"carrier": "colissimo"}
        key = secrets.token_hex(12)
        self._witness.asks(key, deed, of, amount)
        status, content = await self.insist("POST", path, body, key)
        assert self._hears(key, status, content), f"{path}: {status} {content}"

    async def _fill(self, path: str, amount: int, purse: Callable[[Json], str]) -> Json:
        key = secrets.token_hex(12)
        self._witness.asks(key, Deed.FILL, path, amount)
        content = await self.insist_on("POST", path, {"amount": as_json(amount)}, key)
        self._hears(key, 200, content, purse=purse(content))
        return content


def _of(payment: Json, field: str) -> int:
    """An amount of a payment in minor units; one that is absent is none."""
    return minor(payment[field]) if field in payment else 0
