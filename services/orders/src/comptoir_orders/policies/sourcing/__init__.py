"""Which locations the goods of an order leave from."""

from collections.abc import Sequence
from typing import Protocol

from comptoir_orders.domain.sourcing import Demand, Plan, Shortage, Site
from comptoir_runtime.addresses import Point


class SourcingPolicy(Protocol):
    """Chooses locations. Pure: the same input gives the same plan."""

    def plan(
        self, demand: Sequence[Demand], sites: Sequence[Site], destination: Point | None
    ) -> Plan | Shortage:
        """Covers every unit of the demand with what the sites have, or says what is short.

        Never takes more from a site than it has. Units that no site has are taken beyond stock
        where that is offered, and only those. Sites come in no particular order; those without a
        point are farther than all others. The allocations of the first parcel come
        first. Demand is not empty and its quantities are above zero.
        """
