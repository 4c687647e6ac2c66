"""Rules and values of carts and prices: pure, no I/O."""
