"""The gateway service of Comptoir."""
