"""What an invariant is: one statement, the questions that show it, and a judgement over rows.

SQL here takes parameters by name: `:since` and `:since_key` (the same moment, as a time and as
the random part of an id made then), `:grace`, and in joined queries `:keys`. `@name` stands for
one of the `Scope.views`: what has changed since, or everything.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Row: TypeAlias = Mapping[str, Any]

CART, CUSTOMERS, INVENTORY, ORDERS, PAYMENTS, PIM = SERVICES = (
    "cart",
    "customers",
    "inventory",
    "orders",
    "payments",
    "pim",
)
PROVIDER = "provider"
"""The payment provider's own journal: the outside truth."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a judgement found: of which things, what they should be, and what they are."""

    ids: tuple[str, ...]
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Query:
    """A question to one service; of the provider only what is to be known, see `journal`."""

    service: str
    sql: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of the leading query, and what the others answered for them, by their `key`."""

    rows: Sequence[Row]
    joined: Mapping[str, Mapping[str, Sequence[Row]]]

    def of(self, name: str, key: str) -> Sequence[Row]:
        """What query `name` knows of `key`; nothing when it knows nothing."""
        return self.joined[name].get(key, ())


@dataclass(frozen=True, kw_only=True)
class Within:
    """Seen in one database by one statement, and so at one moment: nothing there is in flight.

    `each` is a row for each thing that is looked at, `wrong` a condition on it.
    """

    id: str
    statement: str
    services: tuple[str, ...]
    each: str
    wrong: str
    tell: Callable[[Row], Difference]
    full_only: bool = False
    """Whether looking at what has changed is no cheaper than looking at everything."""
    look_twice: bool = False
    """Whether what is old may be in flight once more: a difference then counts when found twice."""


@dataclass(frozen=True, kw_only=True)
class Joined:
    """A query asked for the values that `by` finds in the leading rows; it answers a `key`."""

    query: Query
    by: Callable[[Row], Iterable[str]]


@dataclass(frozen=True, kw_only=True)
class Across:
    """Seen only by comparing several services, which have no moment in common.

    `lead` therefore picks what has been quiet for the grace period and has nothing open, by its
    own database's clock; and a difference counts when it is found twice, see `audit`.
    """

    id: str
    statement: str
    lead: Query
    joined: Mapping[str, Joined]
    compare: Callable[[Batch], Iterable[Difference]]
    full_only: bool = field(default=False)
    look_twice: bool = field(default=True)

    @property
    def services(self) -> tuple[str, ...]:
        """All that are compared, the leading one first."""
        others = (each.query.service for each in self.joined.values())
        return tuple(dict.fromkeys((self.lead.service, *others)))


Invariant: TypeAlias = Within | Across


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference: which invariant, in which services, of what, and both figures."""

    invariant: str
    statement: str
    services: tuple[str, ...]
    ids: tuple[str, ...]
    expected: str
    found: str

    def __str__(self) -> str:
        where = "+".join(self.services)
        return (
            f"{self.invariant} [{where}] {' '.join(self.ids)}: "
            f"expected {self.expected}, found {self.found} ({self.statement})"
        )

    @property
    def identity(self) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        """By which it is known again at the second look."""
        return self.invariant, self.services, self.ids
