"""What holds for all tests: real servers on request, and no sockets in unit tests."""

pytest_plugins = ["comptoir_testing.plugin"]
