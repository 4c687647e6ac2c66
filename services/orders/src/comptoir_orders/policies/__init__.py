"""Choices a merchant may make differently."""
