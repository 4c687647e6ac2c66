"""Selling what is not, or not yet, there: policies, supply, and the dates that can be promised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

MOST_UNITS = 1_000_000
"""More units than anybody can ask for."""


class Backorder(IntEnum):
    """What can be promised beyond stock; the numbers are those of the contract."""

    NONE = 1
    UNTIL_DATE = 2
    UNLIMITED = 3


class Source(IntEnum):
    """Where supply comes from; the numbers are those of the contract."""

    PURCHASE_ORDER = 1
    TRANSFER = 2
    RETURN = 3


@dataclass(frozen=True, slots=True)
class Policy:
    """How a sku is sold beyond stock; `max_per_order` 0 means any number."""

    sku: str
    backorder: Backorder = Backorder.NONE
    backorder_until: datetime | None = None
    preorder_at: datetime | None = None
    max_per_order: int = 0
    version: int = 1


@dataclass(frozen=True, slots=True)
class Supply:
    """Units expected at a location, with the reference they come with."""

    sku: str
    location: str
    reference: str
    units: int
    source: Source
    expected_at: datetime


@dataclass(frozen=True, slots=True)
class Arrival:
    """Units that are expected at some time."""

    units: int
    expected_at: datetime


@dataclass(frozen=True, slots=True)
class Beyond:
    """What can be promised at a place beyond its stock.

    `arrivals` are in the order they are expected; the first of them go to the `backordered`
    units that were promised before.
    """

    policy: Policy
    arrivals: tuple[Arrival, ...] = ()
    backordered: int = 0

    def units(self, now: datetime) -> int:
        """How many more units can be promised."""
        policy = self.policy
        if policy.backorder is Backorder.UNLIMITED:
            return MOST_UNITS
        last = policy.backorder_until if policy.backorder is Backorder.UNTIL_DATE else None
        early = policy.preorder_at is not None and now < policy.preorder_at
        coming = sum(
            each.units
            for each in self.arrivals
            if early or (last is not None and each.expected_at <= last)
        )
        return max(0, coming - self.backordered)

    def expected_at(self, units: int) -> datetime | None:
        """When the last of so many more units will be there; None when nobody knows."""
        ahead = self.backordered + units
        for arrival in self.arrivals:
            ahead -= arrival.units
            if ahead <= 0:
                return self.not_before(arrival.expected_at)
        return None

    def not_before(self, moment: datetime) -> datetime:
        """The moment, or that of the release when it comes later."""
        release = self.policy.preorder_at
        return moment if release is None else max(moment, release)

    def next_at(self, now: datetime) -> datetime | None:
        """When the next unit beyond stock is expected; None when none can be promised."""
        return self.expected_at(1) if self.units(now) else None


@dataclass(frozen=True, slots=True)
class Terms:
    """The policy of a sku and what is expected of it, by location."""

    policy: Policy
    arrivals: Mapping[str, tuple[Arrival, ...]] = field(default_factory=dict)

    def at(self, location: str, backordered: int) -> Beyond:
        """What can be promised beyond stock at a location."""
        return Beyond(self.policy, self.arrivals.get(location, ()), backordered)
