"""How long things may take, and when to try again. Seconds."""

from datetime import datetime, timedelta

LEASE = timedelta(seconds=15)
"""How long a driver may work on a process before others may take it over."""
DRIVE_SECONDS = 14.0
"""No call of a driver outlasts its lease."""
FORWARD = timedelta(minutes=2)
"""An interrupted placement older than this is undone, not finished: the buyer has gone on."""
PAYER = timedelta(minutes=15)
"""How long the payer may take for 3-D Secure."""
HOLD = timedelta(minutes=30)
"""How long stock is held for a placement."""
HOLD_MARGIN = timedelta(minutes=3)
"""How long before the hold ends no order is placed on it any more."""
REVIEW = timedelta(hours=1)
"""What must be undone or carried out and has not been by then is overdue: somebody should look."""
OVERDUE = timedelta(minutes=1)
"""What goes forward is overdue when it is still there so long after its deadline."""

CAPTURE_ONCE = timedelta(days=5)
"""A card's promise lasts about a week: by then what has left is taken, if it can be taken once."""

SOON = timedelta(seconds=1)
"""When it is worth asking after something that is under way."""

_ASK_AGAIN = (2, 5, 15, 60)
_LONGEST_PAUSE = 300


def still_ours(hold_until: datetime, now: datetime) -> bool:
    """Whether an order may be placed on stock that is held until then."""
    return now < hold_until - HOLD_MARGIN


def ask_again(attempts: int) -> timedelta:
    """Pause before asking the provider's side again: 2, 5, 15, 60, 60, … seconds."""
    return timedelta(seconds=_ASK_AGAIN[min(attempts, len(_ASK_AGAIN) - 1)])


def ask_payer(attempts: int) -> timedelta:
    """Pause before asking about a payer who is busy: 15, 60, 60, … seconds; news come sooner."""
    return ask_again(attempts + 2)


def try_again(attempts: int) -> timedelta:
    """Pause before what must be done is tried again: 1, 2, 4, … at most 300 seconds."""
    return timedelta(seconds=min(_LONGEST_PAUSE, 2 ** min(attempts, 16)))
