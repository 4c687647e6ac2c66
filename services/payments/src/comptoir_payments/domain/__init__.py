"""Rules and values of payments: pure; no I/O, no clock, no contracts, no SQL."""
