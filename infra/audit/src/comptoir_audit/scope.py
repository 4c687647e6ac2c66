"""How much is looked at: everything, or what has changed since a moment."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")
# Said with each, as PostgreSQL would guess wrong beside an interval.
_TYPES = {"since": "timestamptz", "since_key": "text", "grace": "interval", "keys": "text[]"}
_VIEW = re.compile(r"@([a-z_]+)")


@dataclass(frozen=True, slots=True)
class View:
    """What `@name` stands for: a query of ids, of everything or of what has changed."""

    everything: str
    changed: str


@dataclass(frozen=True, slots=True)
class Scope:
    """`since` None means everything. `grace`: what changed within it is still in flight."""

    since: datetime | None = None
    grace: timedelta = timedelta(seconds=30)
    views: Mapping[str, View] = field(default_factory=dict)

    @property
    def is_full(self) -> bool:
        return self.since is None

    def with_view(self, name: str, sql: str) -> "Scope":
        """The same scope with one more view, the same for everything and for what has changed."""
        return replace(self, views={**self.views, name: View(sql, sql)})

    def statement(self, sql: str, **more: Any) -> tuple[str, list[Any]]:
        """SQL with `$1` parameters, and their values."""
        values = {
            "since": self.since or _LONG_AGO,
            "since_key": "" if self.since is None else key_of(self.since),
            "grace": self.grace,
            **more,
        }
        used: list[str] = []

        def number(found: re.Match[str]) -> str:
            name = found[1]
            if name not in used:
                used.append(name)
            return f"${used.index(name) + 1}::{_TYPES[name]}"

        text = _PARAMETER.sub(number, _VIEW.sub(self._view, sql))
        return text, [values[name] for name in used]

    def _view(self, found: re.Match[str]) -> str:
        view = self.views[found[1]]
        return f"({view.everything if self.is_full else view.changed})"


def key_of(moment: datetime) -> str:
    """The first characters of the ids that are made from `moment` on, after their prefix.

    An id is a UUIDv7 in base 32: its first 48 bits are the millisecond, two bits of padding first.
    """
    milliseconds = int(moment.timestamp() * 1000)
    number = milliseconds << 80
    digits = [_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5)]
    return "".join(digits)


def since_ids(column: str, prefixes: Sequence[str]) -> str:
    """A condition on an id's time of creation that its index can answer."""
    return " OR ".join(
        f"{column} BETWEEN '{prefix}_' || :since_key AND '{prefix}_z'" for prefix in prefixes
    )
