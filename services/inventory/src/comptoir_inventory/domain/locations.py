"""Places that hold stock."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import IntEnum

from comptoir_runtime.addresses import Address, Point, kilometres


class LocationKind(IntEnum):
    """What kind of place it is; the numbers are those of the contract."""

    WAREHOUSE = 1
    STORE = 2
    SUPPLIER = 3
    TRANSIT = 4


@dataclass(frozen=True, slots=True)
class Location:
    """A place that holds stock; an inactive one offers nothing."""

    code: str
    kind: LocationKind
    name: str
    address: Address = field(default_factory=Address)
    time_zone: str = ""
    can_ship: bool = False
    can_pick_up: bool = False
    can_return: bool = False
    active: bool = True
    version: int = 1
    daily_capacity: int = 0
    cut_off: str = ""
    channels: frozenset[str] = frozenset()
    """Whose orders its stock serves; none named: all."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which locations a question is about; empty fields do not restrict."""

    codes: frozenset[str] = frozenset()
    can_ship: bool = False
    can_pick_up: bool = False
    can_return: bool = False
    near: Point | None = None
    within_km: int = 0
    channel: str = ""

    def matches(self, location: Location) -> bool:
        """Whether the location's stock counts."""
        return (
            location.active
            and (not self.codes or location.code in self.codes)
            and (not self.can_ship or location.can_ship)
            and (not self.can_pick_up or location.can_pick_up)
            and (not self.can_return or location.can_return)
            and serves(location.channels, self.channel)
            and self._is_near(location)
        )

    def _is_near(self, location: Location) -> bool:
        if self.near is None or not self.within_km:
            return True
        return self.distance(location) <= self.within_km

    def distance(self, location: Location) -> float:
        """Kilometres from the wished point; infinite when either point is unknown."""
        return kilometres(self.near, location.address.point)


def serves(channels: Collection[str], channel: str) -> bool:
    """Whether a place that serves these channels (none: all) serves this one ("": any)."""
    return not channel or not channels or channel in channels
