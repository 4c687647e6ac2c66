"""What holds for all tests: real servers on request, and no sockets in unit tests."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["comptoir_testing.plugin"]

# A property does not fail because the machine is busy.
settings.register_profile("comptoir", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("comptoir")
