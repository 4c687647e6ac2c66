"""Checks across all services what must always hold, and names each difference."""
