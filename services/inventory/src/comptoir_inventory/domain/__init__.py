"""Rules and values of stock: pure."""
