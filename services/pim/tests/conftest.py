"""Which service these tests are about."""

from comptoir_pim.__main__ import build
from comptoir_pim.settings import Settings
from comptoir_testing.registry import ServiceUnderTest

# Imports stay queued, so that a test sees what a call has done and nothing else.
SERVICE = ServiceUnderTest(
    name="pim",
    build=build,
    settings=Settings,
    package="comptoir_pim",
    environment={"WORK_IMPORTS": "false"},
)
