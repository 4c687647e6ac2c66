"""Here the service works off imports by itself, as it does in production."""

from comptoir_pim.__main__ import build
from comptoir_pim.settings import Settings
from comptoir_testing.registry import ServiceUnderTest

SERVICE = ServiceUnderTest(
    name="pim", build=build, settings=Settings, package="comptoir_pim", environment={}
)
