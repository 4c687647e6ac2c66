"""How fast, at what cost, and whether it stays right under load: `make bench`."""
