"""Which service these tests are about."""

from comptoir_inventory.__main__ import build
from comptoir_inventory.settings import Settings
from comptoir_testing.registry import ServiceUnderTest

SERVICE = ServiceUnderTest(
    name="inventory",
    build=build,
    settings=Settings,
    package="comptoir_inventory",
    # Until the announcer has turned every noted change into a state event.
    settled="SELECT NOT EXISTS (SELECT FROM stock_change)",
)
