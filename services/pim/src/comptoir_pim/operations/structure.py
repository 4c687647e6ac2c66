"""What describes products, read page by page."""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")


def page_of(things: Mapping[str, T], after: str, limit: int) -> list[T]:
    """Things in the order of their codes, after a code."""
    return [things[code] for code in sorted(things) if code > after][:limit]
