"""The pim service of Comptoir."""
