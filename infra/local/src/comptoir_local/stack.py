"""What runs: the services, whom each of them calls, and the names derived from that."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """A process of ours, started as `python -m comptoir_<name>`."""

    name: str
    calls: tuple[str, ...] = ()
    """The services it reaches by gRPC."""
    has_database: bool = True
    ready_path: str = ""
    """What to GET to learn whether it is ready; empty for those that have gRPC health."""

    @property
    def package(self) -> str:
        return f"comptoir_{self.name}"

    @property
    def database(self) -> str:
        """Database and role; the prefix keeps them recognisable on a server of somebody else's."""
        return f"comptoir_{self.name}"

    def replicas(self, count: int) -> list[str]:
        """The names of as many processes of it: `cart`, `cart-2` and so on."""
        return [self.name, *(f"{self.name}-{number}" for number in range(2, count + 1))]


BACKENDS = (
    Service("pim"),
    Service("inventory"),
    Service("cart"),
    Service("payments"),
    Service("orders", calls=("cart", "inventory", "payments")),
    Service("customers"),
)
GATEWAY = Service(
    "gateway",
    calls=tuple(service.name for service in BACKENDS),
    has_database=False,
    ready_path="/readyz?require=all",
)
SERVICES = (*BACKENDS, GATEWAY)
AUDITOR = Service("audit", has_database=False)
"""The job that compares what all of them have written. The platform runs without it, too."""
PROVIDER = Service("psp_sandbox", has_database=False, ready_path="/healthz")
"""The sandbox payment provider: an outside party, so it gets none of the platform's secrets."""
