"""Which service these tests are about."""

from comptoir_customers.__main__ import build
from comptoir_customers.settings import Settings
from comptoir_testing.registry import ServiceUnderTest

SERVICE = ServiceUnderTest(
    name="customers",
    build=build,
    settings=Settings,
    package="comptoir_customers",
    # Until the first signing key was made.
    settled="SELECT EXISTS (SELECT FROM signing_key)",
)
