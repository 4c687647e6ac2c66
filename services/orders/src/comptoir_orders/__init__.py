"""The orders service of Comptoir."""
