"""The payments service of Comptoir."""
