"""The cart service of Comptoir."""
