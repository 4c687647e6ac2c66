"""Which service these tests are about."""

from comptoir_cart.__main__ import build
from comptoir_cart.settings import Settings
from comptoir_testing.registry import ServiceUnderTest

SERVICE = ServiceUnderTest(name="cart", build=build, settings=Settings, package="comptoir_cart")
