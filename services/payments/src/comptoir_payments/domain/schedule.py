"""When an open operation is asked about again."""

from datetime import timedelta

IN_FLIGHT = timedelta(seconds=20)
"""How long whoever wrote an operation down has for the call itself, before others look after it."""

SAME_KEY = timedelta(hours=23)
"""After this a call is not repeated: providers forget keys after a day."""

ACTION = timedelta(hours=1)
"""How long a payer may take for a challenge; then the payment is given up."""

SOON = timedelta(seconds=2)
"""When a caller may well try again."""

_UNKNOWN = (2, 5, 15, 60, 120, 300)
# The payer takes a while, and the provider's notice is the usual way to learn: this is the net.
_WAITING = (30, 60, 120, 300, 600)


def after_unknown(attempts: int) -> timedelta:
    """How long to wait after `attempts` answers that were lost."""
    return _delay(_UNKNOWN, attempts)


def while_waiting(attempts: int) -> timedelta:
    """How long until the next look at a payment that waits for the payer or the issuer."""
    return _delay(_WAITING, attempts)


def _delay(delays: tuple[int, ...], attempts: int) -> timedelta:
    return timedelta(seconds=delays[min(attempts, len(delays)) - 1])
