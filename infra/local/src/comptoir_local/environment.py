"""The environment each process gets: the only way it learns where the others are."""

from dataclasses import dataclass, field
from pathlib import Path

from comptoir_audit.settings import Addresses, environment_of
from comptoir_local.keys import ServiceKeys
from comptoir_local.protection import Dial, Protection, dial_openly
from comptoir_local.stack import GATEWAY, PROVIDER, Service

WEBHOOK_PATH = "/v1/webhooks/payments/sandbox"
# A developer who presses Ctrl-C does not want to wait for slow calls.
DRAIN_SECONDS = 3
# gRPC's older way to watch its sockets: half the context switches of a call and a fifth less of the
# processor on both sides, as an event loop in Python waits for only one thread instead of several.
GRPC_EXPERIMENTS = "-event_engine_listener,-event_engine_client"
# What the replicas share: connections of the embedded PostgreSQL, less some for those who look.
# Each process has four beside its pool, for consumers and the relay.
_CONNECTIONS = 190
_BESIDE_THE_POOL = 4
_LARGEST_POOL = 10


@dataclass(frozen=True, slots=True)
class Administrator:
    """The first member of staff, who may do everything and so can add the others."""

    email: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What there is to know, once ports and servers are settled."""

    addresses: dict[str, str]
    """host:port by name of the process."""
    database_urls: dict[str, str]
    """As the roles that serve."""
    owner_urls: dict[str, str]
    """As the owners of the tables."""
    audit_urls: dict[str, str]
    """As the roles that only read."""
    nats_urls: dict[str, str]
    """Of each service; an administrator's where there is only one user."""
    keys: ServiceKeys
    journal: Path
    webhook_secret: str
    gift_card_secret: str
    administrator: Administrator
    replicas: int = 1
    """Processes of each service."""
    protection: Protection | None = None
    """None: services show each other no certificates."""

    def of(self, service: Service, replica: str = "") -> dict[str, str]:
        """The environment of one of our services; of its first process unless another is named."""
        environment = {
            "ENVIRONMENT": "development",
            "LISTEN": self.addresses[replica or service.name],
            "NATS_URL": self.nats_urls[service.name],
            "SERVICE_JWKS": str(self.keys.jwks),
            "SERVICE_KEY": str(self.keys.private(service.name)),
            "LEAVE_SECONDS": "0" if self.replicas == 1 else "1",
            "DRAIN_SECONDS": str(DRAIN_SECONDS),
            "GRPC_EXPERIMENTS": GRPC_EXPERIMENTS,
        }
        if self.protection is not None:
            environment |= self.protection.told_to(service)
        if service.has_database:
            environment["DATABASE_URL"] = self.database_urls[service.name]
            share = _CONNECTIONS // (len(self.database_urls) * self.replicas) - _BESIDE_THE_POOL
            environment["POOL_SIZE"] = str(min(share, _LARGEST_POOL))
        for name in service.calls:
            environment[f"{name.upper()}_TARGET"] = self._target(Service(name))
        if service.name == "payments":
            environment["PSP_URL"] = self.provider_url
            environment["PSP_WEBHOOK_SECRET"] = self.webhook_secret
            environment["GIFT_CARD_SECRET"] = self.gift_card_secret
        if service.name == "customers":
            environment["BOOTSTRAP_STAFF_EMAIL"] = self.administrator.email
            environment["BOOTSTRAP_STAFF_PASSWORD"] = self.administrator.password
        return environment

    def of_migration(self, service: Service) -> dict[str, str]:
        """The environment in which a service's database is migrated."""
        return {"MIGRATION_DATABASE_URL": self.owner_urls[service.name]}

    @property
    def gateway_url(self) -> str:
        """Where customers, tills and partners come in."""
        return self.gateway_urls[0]

    @property
    def gateway_urls(self) -> list[str]:
        """The same for each replica of the gateway."""
        return [f"http://{self.addresses[name]}" for name in GATEWAY.replicas(self.replicas)]

    @property
    def provider_url(self) -> str:
        """Where the sandbox payment provider answers."""
        return f"http://{self.addresses[PROVIDER.name]}"

    def dial_to(self, service: str) -> Dial:
        """How to reach a service by gRPC."""
        return dial_openly if self.protection is None else self.protection.dial_to(service)

    @property
    def audited(self) -> Addresses:
        """What an auditor compares."""
        return Addresses(databases=self.audit_urls, provider=self.provider_url)

    def of_auditor(self) -> dict[str, str]:
        """The environment of the job that looks for differences."""
        return environment_of(self.audited)

    def of_provider(self) -> dict[str, str]:
        """The environment of the sandbox payment provider."""
        return {
            "PSP_LISTEN": self.addresses[PROVIDER.name],
            "PSP_JOURNAL": str(self.journal),
            "PSP_WEBHOOK_URL": f"{self.gateway_url}{WEBHOOK_PATH}",
            "PSP_WEBHOOK_SECRET": self.webhook_secret,
        }

    def _target(self, service: Service) -> str:
        """What callers spread their calls over: a headless name there, a list of addresses here."""
        addresses = [self.addresses[name] for name in service.replicas(self.replicas)]
        # One address stays in the form that clusters have, too.
        return f"dns:///{addresses[0]}" if len(addresses) == 1 else f"ipv4:{','.join(addresses)}"
