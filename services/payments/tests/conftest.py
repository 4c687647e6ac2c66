"""Which service these tests are about."""

from comptoir_payments.__main__ import build
from comptoir_payments.settings import PaymentsSettings
from comptoir_testing.registry import ServiceUnderTest

SERVICE = ServiceUnderTest(
    name="payments", build=build, settings=PaymentsSettings, package="comptoir_payments"
)
