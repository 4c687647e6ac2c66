"""Between messages and values, both ways; no decisions."""
