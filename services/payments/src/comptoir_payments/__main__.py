"""Composition root: the only place where things are built and started."""

from datetime import timedelta

from comptoir.payments.v1 import payments_service_pb2
from comptoir_payments.operations.resolver import Resolver, measure
from comptoir_payments.providers.contract import Provider, Providers
from comptoir_payments.providers.http import HttpClient
from comptoir_payments.providers.sandbox import Sandbox
from comptoir_payments.providers.till import Till
from comptoir_payments.rpc import PaymentsService
from comptoir_payments.settings import PaymentsSettings
from comptoir_payments.subscribers import CUSTOMERS
from comptoir_runtime.rpc import Binding
from comptoir_runtime.service import Parts, Runtime, main
from comptoir_runtime.settings import SettingsError


async def build(runtime: Runtime, settings: PaymentsSettings) -> Parts:
    """The parts of the service, with the real providers."""
    if not (settings.psp_url or settings.stripe_api_key):
        raise SettingsError("PSP_URL or STRIPE_API_KEY has to be set")
    providers: list[Provider] = [Till()]
    connections: list[HttpClient] = []
    if settings.psp_url:
        connections.append(HttpClient(settings.psp_url, settings.psp_timeout_seconds))
        providers.append(Sandbox(connections[-1], settings.psp_webhook_secret))
    if settings.stripe_api_key:
        connections.append(HttpClient(settings.stripe_base_url, settings.psp_timeout_seconds))
        providers.append(_stripe(settings, connections[-1]))
    parts = assemble(runtime, settings, *providers)
    parts.background.extend(each.keep for each in connections)
    return parts


def _stripe(settings: PaymentsSettings, http: HttpClient) -> Provider:
    # Its SDK takes 33 MB and half a second, which only those pay who use it.
    from comptoir_payments.providers.stripe.provider import Stripe  # noqa: PLC0415

    return Stripe(http, settings.stripe_api_key, settings.stripe_webhook_secrets)


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
        looks=[measure],
    )


if __name__ == "__main__":
    main(
        "payments",
        PaymentsSettings,
        build,
        metadata_module="comptoir_payments.tables",
        migrations_package="comptoir_payments",
    )
