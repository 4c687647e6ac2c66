"""Keeps network calls out of transactions.

A transaction that waits for a neighbour holds its locks for as long as the
neighbour likes. The mark is a context variable, so it follows the task.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from comptoir_runtime.errors import NetworkCallInTransaction

_inside: ContextVar[bool] = ContextVar("inside_transaction", default=False)


@contextmanager
def inside_transaction() -> Iterator[None]:
    """Marks the block as running inside a transaction."""
    token = _inside.set(True)
    try:
        yield
    finally:
        _inside.reset(token)


def outside_transaction() -> None:
    """Raises `NetworkCallInTransaction` when the caller holds a transaction."""
    if _inside.get():
        raise NetworkCallInTransaction("a network call was started inside a transaction")
