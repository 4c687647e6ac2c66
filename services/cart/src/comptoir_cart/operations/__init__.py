"""The story of each procedure and event; a step takes `session`, one transaction."""
