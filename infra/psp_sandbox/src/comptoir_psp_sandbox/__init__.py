"""A sandbox payment provider: its own process, its own durable journal."""
