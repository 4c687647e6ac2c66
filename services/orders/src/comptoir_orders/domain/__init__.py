"""Rules and values of orders: pure, without I/O, clock, protocol or SQL."""
