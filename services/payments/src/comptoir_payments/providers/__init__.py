"""Who is asked for money: one small adapter per provider, all with the same six calls."""
