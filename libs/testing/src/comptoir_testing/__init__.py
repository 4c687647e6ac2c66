"""Real PostgreSQL and NATS for tests, and the suites every service must pass."""

from comptoir_testing.examples import Example, Examples
from comptoir_testing.harness import Outcome, ServiceHarness
from comptoir_testing.registry import ServiceUnderTest
from comptoir_testing.tokens import TokenFactory

__all__ = [
    "Example",
    "Examples",
    "Outcome",
    "ServiceHarness",
    "ServiceUnderTest",
    "TokenFactory",
]
