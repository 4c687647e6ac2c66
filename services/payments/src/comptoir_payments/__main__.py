"""Composition root: the only place where things are built and started."""

from datetime import timedelta

from comptoir.payments.v1 import payments_service_pb2
from comptoir_payments.operations.resolver import Resolver
from comptoir_payments.providers.contract import Provider, Providers
from comptoir_payments.providers.http import HttpClient
from comptoir_payments.providers.sandbox import Sandbox
from comptoir_payments.providers.till import Till
from comptoir_payments.rpc import PaymentsService
from comptoir_payments.settings import PaymentsSettings
from comptoir_payments.subscribers import CUSTOMERS
from comptoir_runtime.rpc import Binding
from comptoir_runtime.service import Parts, Runtime, main


async def build(runtime: Runtime, settings: PaymentsSettings) -> Parts:
    """The parts of the service, with the real providers."""
    http = HttpClient(settings.psp_url, settings.psp_timeout_seconds)
    parts = assemble(runtime, settings, Sandbox(http, settings.psp_webhook_secret), Till())
    parts.background.append(http.keep)
    return parts


def assemble(runtime: Runtime, settings: PaymentsSettings, *configured: Provider) -> Parts:
    """The parts of the service around any providers."""
    providers: Providers = {each.name: each for each in configured}
    poll = timedelta(milliseconds=settings.resolver_poll_milliseconds)
    resolver = Resolver(runtime.database.background, providers, poll)
    service = PaymentsService(providers, resolver.wake, settings.gift_card_secret)
    descriptor = payments_service_pb2.DESCRIPTOR.services_by_name["PaymentsService"]
    return Parts(
        bindings=[Binding(descriptor, service)],
        subscriptions=[CUSTOMERS],
        background=[resolver.run],
    )


if __name__ == "__main__":
    main(
        "payments",
        PaymentsSettings,
        build,
        metadata_module="comptoir_payments.tables",
        migrations_package="comptoir_payments",
    )
