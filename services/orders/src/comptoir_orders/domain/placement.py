"""The way from a cart to an order, as data: which state follows which outcome.

    CREATED ─lock─▶ CART_LOCKED ─source─▶ SOURCED ─reserve─▶ STOCK_HELD ─authorise─▶ AUTHORISED
                                                              ▲  │                        │
                                          (the next tender) ──┘  │                        │
              ACTION_REQUIRED (the payer) or UNKNOWN (lost) ◀────┘──▶ AUTHORISED          │
                                                                                          │
                                                 PLACED ◀─write─ STOCK_KEPT ◀─confirm─────┘

    undo, in reverse: VOIDING ─▶ RELEASING ─▶ UNLOCKING ─▶ FAILED | CANCELLED

From wherever it goes forward it can be called off (ABANDONED). The word is written to the row by
whoever brings it, beside the driver; the driver hears it with its next write, and the write that
places the order is refused once it is there. So either the order stood first, or it never will.

What is written down, and why no more. A state in `DURABLE` is written before the next step, the
others live in the driver only. Three writes suffice before an order stands:

- CREATED, before anything is asked of anybody: from then on somebody will finish or undo.
  Locking the cart is repeatable by the placement's id, so a successor simply locks again.
- SOURCED, with the quote and the plan, before stock and money are asked for. Both requests carry
  keys made from the placement's id, and their bodies follow from what is written: a successor
  repeats them, gets the same reservation and the same payment, and goes on. The plan has to be
  written before the reservation, because planning again would see less stock (our own hold is
  missing from it) and ask for something else under the same key. A write between reservation and
  authorisation would add nothing: what it could tell is what the repeated call answers anyway.

- AUTHORISED, with the reservation, before it is asked to be kept: what is kept never runs out. A
  driver that was overtaken and has another reservation than its successor must not keep that, as
  nobody would ever release it; its write is refused before it can ask.

The stock is kept without end before the order is written, not when its news arrive: however long
those take, no sweeper gives away what an order stands on (ADR 0026). What has run out is not taken
up again for it: a driver that slept so long may have been undone.

A driver that was overtaken (stopped for longer than its lease) has no time left for calls: their
deadline is the lease's. One that was stopped in the very moment of calling asks for what its
successor asks for too, under the same keys, and its own writes are refused by the version. Money
that is nevertheless kept after a placement has failed is given up by a job, see `operations.news`.
"""

from enum import StrEnum


class State(StrEnum):
    CREATED = "CREATED"
    CART_LOCKED = "CART_LOCKED"
    SOURCED = "SOURCED"
    STOCK_HELD = "STOCK_HELD"
    AUTHORISED = "AUTHORISED"
    STOCK_KEPT = "STOCK_KEPT"
    ACTION_REQUIRED = "ACTION_REQUIRED"
    UNKNOWN = "UNKNOWN"
    PLACED = "PLACED"
    VOIDING = "VOIDING"
    RELEASING = "RELEASING"
    UNLOCKING = "UNLOCKING"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Outcome(StrEnum):
    """What came of a step."""

    DONE = "DONE"
    REFUSED = "REFUSED"
    """The neighbour said no: nothing of this step has happened."""
    LOST = "LOST"
    """No answer, or one that does not tell whether it happened."""
    SHORT = "SHORT"
    """The stock that was planned with is gone; plan again."""
    NEXT = "NEXT"
    """This tender is authorised; there is another one."""
    PARTLY = "PARTLY"
    """Refused, but what was asked for before is kept or may be: other tenders, an earlier lock."""
    ACTION = "ACTION"
    """The payer must do something."""
    LATE = "LATE"
    """The time for going on is over."""
    WRONG = "WRONG"
    """Amounts do not agree: within the quote, or between it and what the provider keeps."""
    ABANDONED = "ABANDONED"
    """The customer called it off."""


TERMINAL = frozenset({State.PLACED, State.FAILED, State.CANCELLED})
DURABLE = TERMINAL | {
    State.CREATED,
    State.SOURCED,
    State.AUTHORISED,
    State.ACTION_REQUIRED,
    State.UNKNOWN,
}
UNDO = frozenset({State.VOIDING, State.RELEASING, State.UNLOCKING})
BEFORE_ASKING = frozenset({State.SOURCED, State.AUTHORISED})
WAITING = frozenset({State.ACTION_REQUIRED, State.UNKNOWN})
FORWARD = frozenset(State) - UNDO - TERMINAL

MOVES: dict[State, dict[Outcome, State]] = {
    State.CREATED: {
        Outcome.DONE: State.CART_LOCKED,
        Outcome.REFUSED: State.FAILED,
        Outcome.PARTLY: State.UNLOCKING,
        Outcome.LOST: State.UNLOCKING,
        Outcome.LATE: State.UNLOCKING,
        Outcome.WRONG: State.UNLOCKING,
        Outcome.ABANDONED: State.UNLOCKING,
    },
    State.CART_LOCKED: {
        Outcome.DONE: State.SOURCED,
        Outcome.REFUSED: State.UNLOCKING,
        Outcome.LOST: State.UNLOCKING,
        Outcome.ABANDONED: State.UNLOCKING,
    },
    State.SOURCED: {
        Outcome.DONE: State.STOCK_HELD,
        Outcome.SHORT: State.CART_LOCKED,
        Outcome.REFUSED: State.UNLOCKING,
        # A predecessor that was killed may have asked for money.
        Outcome.LOST: State.VOIDING,
        Outcome.LATE: State.VOIDING,
        Outcome.ABANDONED: State.VOIDING,
    },
    State.STOCK_HELD: {
        Outcome.DONE: State.AUTHORISED,
        Outcome.NEXT: State.STOCK_HELD,
        Outcome.ACTION: State.ACTION_REQUIRED,
        Outcome.LOST: State.UNKNOWN,
        Outcome.REFUSED: State.RELEASING,
        Outcome.PARTLY: State.VOIDING,
        Outcome.WRONG: State.VOIDING,
        Outcome.ABANDONED: State.VOIDING,
    },
    State.ACTION_REQUIRED: {
        Outcome.DONE: State.AUTHORISED,
        Outcome.NEXT: State.STOCK_HELD,
        Outcome.ACTION: State.ACTION_REQUIRED,
        Outcome.LOST: State.ACTION_REQUIRED,
        Outcome.REFUSED: State.RELEASING,
        Outcome.PARTLY: State.VOIDING,
        Outcome.WRONG: State.VOIDING,
        Outcome.LATE: State.VOIDING,
        Outcome.ABANDONED: State.VOIDING,
    },
    State.UNKNOWN: {
        Outcome.DONE: State.AUTHORISED,
        Outcome.NEXT: State.STOCK_HELD,
        Outcome.ACTION: State.ACTION_REQUIRED,
        Outcome.LOST: State.UNKNOWN,
        Outcome.REFUSED: State.RELEASING,
        Outcome.PARTLY: State.VOIDING,
        Outcome.WRONG: State.VOIDING,
        Outcome.LATE: State.VOIDING,
        Outcome.ABANDONED: State.VOIDING,
    },
    State.AUTHORISED: {
        Outcome.DONE: State.STOCK_KEPT,
        # The stock may have been given to others by now.
        Outcome.LATE: State.VOIDING,
        Outcome.LOST: State.VOIDING,
        Outcome.ABANDONED: State.VOIDING,
    },
    State.STOCK_KEPT: {
        Outcome.DONE: State.PLACED,
        Outcome.LATE: State.VOIDING,
        Outcome.ABANDONED: State.VOIDING,
    },
    State.VOIDING: {Outcome.DONE: State.RELEASING, Outcome.LOST: State.VOIDING},
    State.RELEASING: {Outcome.DONE: State.UNLOCKING, Outcome.LOST: State.RELEASING},
    State.UNLOCKING: {
        Outcome.DONE: State.FAILED,
        Outcome.ABANDONED: State.CANCELLED,
        Outcome.LOST: State.UNLOCKING,
    },
    State.PLACED: {},
    State.FAILED: {},
    State.CANCELLED: {},
}


class ForbiddenMove(RuntimeError):
    """A programming error: this outcome cannot come of this state."""


def step(state: State, outcome: Outcome) -> State:
    """The state that follows; raises `ForbiddenMove`."""
    try:
        return MOVES[state][outcome]
    except KeyError:
        raise ForbiddenMove(f"{outcome} cannot come of {state}") from None


def is_written(came_from: State, state: State) -> bool:
    """Whether a driver writes the row before it goes on from `state`."""
    return state in BEFORE_ASKING or (state in UNDO and came_from not in UNDO)


def is_parked(came_from: State, state: State) -> bool:
    """Whether a driver gives up its lease in `state`, to be taken up again later."""
    return state in WAITING or (state is came_from and state in UNDO)


def check_moves() -> None:
    """Raises `ForbiddenMove` unless every state can be reached, only the ends are final, and
    whatever goes forward can be called off.
    """
    reached, frontier = {State.CREATED}, [State.CREATED]
    while frontier:
        for target in MOVES[frontier.pop()].values():
            if target not in reached:
                reached.add(target)
                frontier.append(target)
    if reached != set(State):
        raise ForbiddenMove(f"not reachable: {sorted(set(State) - reached)}")
    stubborn = {state for state in FORWARD if Outcome.ABANDONED not in MOVES[state]}
    if stubborn:
        raise ForbiddenMove(f"cannot be called off: {sorted(stubborn)}")
    final = {state for state, moves in MOVES.items() if not moves}
    if final != TERMINAL:
        raise ForbiddenMove(f"states without a way on: {sorted(final ^ TERMINAL)}")


check_moves()
