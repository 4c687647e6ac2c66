"""Stock, in memory: it keeps its promises about keys, and sells ahead where it is told to."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from comptoir_orders.clients import Place
from comptoir_orders.domain.sourcing import Beyond, Late, Offer, Plan, Promised
from comptoir_runtime.addresses import Point
from comptoir_runtime.errors import Precondition
from services.orders.tests.answers import refusal

LYON, PARIS = "warehouse_lyon", "warehouse_paris"
PLACES = {
    LYON: Place(LYON, Point(45.65, 5.11)),
    PARIS: Place(PARIS, Point(48.62, 2.59)),
    "store_lyon": Place("store_lyon", Point(45.76, 4.83)),
}


class Neighbourhood(Protocol):
    """Where it stands: asked before and after each effect."""

    at: Callable[[str], Awaitable[None]]


@dataclass
class Hold:
    owner: str
    plan: Plan
    state: str = "HELD"


class FakeStock:
    def __init__(self, town: Neighbourhood) -> None:
        self._town = town
        self.units: dict[str, dict[str, int]] = {LYON: {"KETTLE": 100, "LAMP": 100}}
        self.beyond: dict[str, dict[str, Beyond]] = {}
        """What is sold before it is there, by location and sku."""
        self.serves: dict[str, frozenset[str]] = {}
        """Channels of locations that do not serve all."""
        self.holds: dict[str, Hold] = {}
        self.by_key: dict[tuple[str, str], str] = {}
        self.sold_out = False

    def held(self) -> list[Hold]:
        return [hold for hold in self.holds.values() if hold.state in ("HELD", "KEPT")]

    def free(self, location: str, sku: str) -> int:
        promised = sum(
            each.quantity
            for hold in self.holds.values()
            if hold.state in ("HELD", "KEPT", "SOLD")
            for each in hold.plan
            if (each.location, each.sku) == (location, sku)
        )
        return self.units.get(location, {}).get(sku, 0) - promised

    async def available(
        self, skus: Sequence[str], channel: str, *, store: str = "", fresh: bool = True
    ) -> Mapping[str, Offer]:
        await self._town.at("available")
        return {
            location: Offer(
                {sku: self.free(location, sku) for sku in skus}, self.beyond.get(location, {})
            )
            for location in self.units.keys() | self.beyond.keys()
            if (not store or location == store) and self._serves(location, channel)
        }

    async def places(self) -> Mapping[str, Place]:
        return PLACES

    async def reserve(
        self, key: str, owner: str, channel: str, plan: Plan, time_to_live: timedelta
    ) -> Promised:
        await self._town.at("reserve")
        refused = [each for each in plan if not self._serves(each.location, channel)]
        if refused:
            raise refusal("OUT_OF_STOCK", sku=refused[0].sku)
        reservation = self._promise(key, owner, plan, "HELD")
        await self._town.at("reserve done")
        return Promised(reservation, self._late(plan))

    async def keep(self, reservation: str) -> None:
        await self._town.at("keep")
        if self.holds[reservation].state not in ("HELD", "KEPT"):
            raise refusal("RESERVATION_ENDED")
        self.holds[reservation].state = "KEPT"
        await self._town.at("keep done")

    async def release(self, key: str, reservation: str) -> None:
        await self._town.at("release")
        if self.holds[reservation].state in ("HELD", "KEPT"):
            self.holds[reservation].state = "RELEASED"
        await self._town.at("release done")

    async def sell(self, key: str, owner: str, plan: Plan) -> str:
        await self._town.at("sell")
        reservation = self._promise(key, owner, plan, "SOLD")
        await self._town.at("sell done")
        return reservation

    def _serves(self, location: str, channel: str) -> bool:
        return location not in self.serves or channel in self.serves[location]

    def _late(self, plan: Plan) -> tuple[Late, ...]:
        """What of a plan that was just promised has still to come."""
        places = dict.fromkeys((each.location, each.sku) for each in plan)
        return tuple(
            Late(sku, location, -free, self.beyond[location][sku].expected_at)
            for location, sku in places
            if (free := self.free(location, sku)) < 0
        )

    def _sold_ahead(self, location: str, sku: str) -> int:
        beyond = self.beyond.get(location, {}).get(sku)
        return 0 if beyond is None else beyond.units

    def _promise(self, key: str, owner: str, plan: Plan, state: str) -> str:
        known = self.by_key.get((owner, key))
        if known is not None:
            assert self.holds[known].plan == plan, "another body under the same key"
            return known
        short = [
            each
            for each in plan
            if self.sold_out
            or self.free(each.location, each.sku) + self._sold_ahead(each.location, each.sku)
            < each.quantity
        ]
        if short:
            failure = refusal("OUT_OF_STOCK", sku=short[0].sku)
            failure.preconditions = tuple(
                Precondition("OUT_OF_STOCK", f"{each.sku}@{each.location}", "short")
                for each in short
            )
            raise failure
        reservation = f"rsv_{len(self.holds) + 1}"
        self.holds[reservation] = Hold(owner, plan, state)
        self.by_key[owner, key] = reservation
        return reservation
