"""How a range of events is asked for again, and how whoever asked hears that it was published.

The answer is told to everybody, and says what the question was: who may ask must not be able to
have a producer publish where he likes.
"""

from dataclasses import dataclass

import orjson

from comptoir_runtime.event_options import Kind

NO_END = 2**62


def replay_subject(service: str) -> str:
    """Where a range of events is asked for again, as JSON `[kind, first, last, type, …]`.

    The last may be 0: all that follows. Without types it is all of them. The leader answers
    with their number when the request comes from a process of its own service and names where to,
    else as `replayed_subject` says.
    """
    return f"replay.{service}"


def replayed_subject(service: str) -> str:
    """Where the leader repeats a question, once all that was asked for has been published again."""
    return f"replayed.{service}"


@dataclass(frozen=True, slots=True)
class Range:
    """Events to publish once more, by producer sequence, both ends included."""

    kind: Kind
    first: int
    last: int
    types: tuple[str, ...] = ()
    """Only these; all when there are none."""


def question(kind: Kind, first: int, last: int, *types: str) -> bytes:
    """A question for `replay_subject`."""
    return orjson.dumps([int(kind), first, last, *types])


def asked_for(data: bytes) -> Range:
    """What a question asks for; raises ValueError or TypeError."""
    kind, first, last, *types = orjson.loads(data)
    first, last = int(first), int(last) or NO_END
    if max(first, last) >= 2**63:
        raise ValueError("no event has such a number")
    return Range(Kind(kind), first, last, tuple(map(str, types)))
