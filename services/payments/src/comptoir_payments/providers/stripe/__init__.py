"""Stripe, or anything that speaks its API, through its official SDK."""
