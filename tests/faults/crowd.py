"""Several people at once, who between them use all that the shop offers."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tests.faults.bank import Bank
from tests.faults.buyers import BY_CARD, COUPON, SCARCE_COUPON, Buyer, Means
from tests.faults.client import Json
from tests.faults.staff import Clerk
from tests.faults.witness import Deed, Witness
from tests.faults.world import World
from tests.journeys.shop import CARD

_PART = 200
"""What is paid by the first of two means; less than anything costs."""
_GIFT = 12 * _PART
"""What is on a gift card: all share one until it is used up."""
_LIMIT = 1_000_000
_REFUND = 100
_DISPUTED = 150
_ALL_PARCELS = 9


@dataclass(frozen=True)
class Wish:
    """What one purchase is like, and what becomes of it."""

    means: str = "card"
    channel: str = "web"
    coupon: str = ""
    scarce: bool = False
    """Whether something is wanted of which there is not enough."""
    ships: int = 0
    """How many parcels leave."""
    refunds: bool = False
    bounces: bool = False
    """Whether the refund comes back and has to be made again."""
    disputes: bool = False
    cancels: bool = False


WISHES = (
    Wish(coupon=COUPON),
    Wish("gift_card", ships=_ALL_PARCELS, refunds=True),
    Wish(cancels=True, coupon=COUPON),
    Wish("two cards", ships=1),
    Wish("gift_card", cancels=True),
    Wish("store_credit", coupon=SCARCE_COUPON),
    Wish(scarce=True),
    Wish("on_account", channel="b2b", ships=_ALL_PARCELS),
    Wish("gift_card", coupon=SCARCE_COUPON),
    Wish("store_credit", ships=_ALL_PARCELS, refunds=True),
    Wish(scarce=True, cancels=True, coupon=SCARCE_COUPON),
    Wish(ships=_ALL_PARCELS, refunds=True, bounces=True),
    Wish("two cards", ships=_ALL_PARCELS, disputes=True),
)


@dataclass(frozen=True)
class Goods:
    """What can be bought: plenty of `skus`, from two warehouses in turn, and few `scarce`."""

    skus: Sequence[str]
    scarce: str


class Crowd:
    """Each buys one thing after the other, and one clerk serves them all."""

    def __init__(
        self, world: World, witness: Witness, goods: Goods, size: int, patience: float
    ) -> None:
        self.buyers = [Buyer(world.authorities, witness, patience) for _ in range(size)]
        self._clerk = Clerk(world, witness, patience)
        self._bank = Bank(world, witness, patience)
        self._decisions = itertools.cycle((Deed.WIN, Deed.LOSE, None))
        self._goods = goods
        self._card: Means | None = None
        self._counter = asyncio.Lock()
        self.placed = 0

    async def shop(self, go_on: Callable[[], bool]) -> None:
        """Until told to stop; then each finishes what they have begun."""
        await asyncio.gather(*(self._one(number, go_on) for number in range(len(self.buyers))))

    async def _one(self, number: int, go_on: Callable[[], bool]) -> None:
        buyer, turn = self.buyers[number], number
        while go_on():
            wish = WISHES[turn % len(WISHES)]
            skus = [self._goods.skus[(turn + step) % len(self._goods.skus)] for step in (0, 3)]
            if wish.scarce:
                skus.append(self._goods.scarce)
            cart = await buyer.fill(*skus, coupon=wish.coupon, channel=wish.channel)
            means = await self._means(buyer, wish)
            told = await buyer.place(cart, means)
            if told["state"] == "STATE_PLACED":
                self.placed += 1
                await self._afterwards(buyer, wish, told["order"])
            elif means[0].method == "gift_card" and self._card == replace(means[0], amount=0):
                self._card = None  # most likely it is used up
            turn += len(self.buyers) + 1

    async def _means(self, buyer: Buyer, wish: Wish) -> Sequence[Means]:
        if wish.means == "two cards":
            return Means(token=CARD, amount=_PART), *BY_CARD
        if wish.means == "gift_card":
            async with self._counter:
                self._card = card = self._card or await self._clerk.gift_card(_GIFT)
            return replace(card, amount=_PART), *BY_CARD
        if wish.means == "store_credit":
            credit = await self._clerk.store_credit(buyer.subject, _PART)
            return replace(credit, amount=_PART), *BY_CARD
        if wish.means == "on_account":
            return (await self._clerk.account(buyer.subject, _LIMIT),)
        return BY_CARD

    async def _afterwards(self, buyer: Buyer, wish: Wish, order: str) -> None:
        if wish.cancels:
            await buyer.call_off(order)
        if wish.ships:
            await self._clerk.ship(order, wish.ships)
        if wish.refunds:
            payment = await self._clerk.refund(order, _REFUND)
            if wish.bounces:
                await self._bank.lets(Deed.BOUNCE, payment, _REFUND)
                await self._clerk.sees(payment, "refundedAmount", 0)
                await self._clerk.refund(order, _REFUND)
        if wish.disputes:
            await self._dispute(await self._clerk.taken(order, _DISPUTED))

    async def _dispute(self, payment: Json) -> None:
        """Won, lost, or left open, in turn."""
        await self._bank.lets(Deed.DISPUTE, payment, _DISPUTED)
        await self._clerk.sees(payment, "disputedAmount", _DISPUTED)
        decision = next(self._decisions)
        if decision is not None:
            await self._bank.lets(decision, payment, _DISPUTED)
            await self._clerk.sees(payment, "disputedAmount", 0)

    @property
    def failures(self) -> list[str]:
        return [each for person in (*self.buyers, self._clerk) for each in person.failures]

    @property
    def late(self) -> list[str]:
        """Requests that took too long, as they may on any day when the machine is busy."""
        return [each for person in (*self.buyers, self._clerk) for each in person.late]

    @property
    def asked(self) -> int:
        """Requests sent."""
        return sum(person.asked for person in (*self.buyers, self._clerk))

    def close(self) -> None:
        for buyer in (*self.buyers, self._clerk):
            buyer.close()
