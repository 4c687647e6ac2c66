pytest_plugins = ["comptoir_testing.plugin"]
