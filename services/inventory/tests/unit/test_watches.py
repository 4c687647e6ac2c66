"""Who hears of what."""

from __future__ import annotations

from datetime import UTC, datetime

from comptoir_inventory.domain.stock import Availability
from comptoir_inventory.operations.watches import Watch, Watches

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def entry(sku: str, revision: int) -> Availability:
    return Availability(sku, 0, (), revision, NOW)


class TestWatches:
    def test_first_everything_is_looked_at_and_then_what_has_changed(self) -> None:
        watches = Watches()
        with watches.open(["A", "B"], ["lyon"]) as watch:
            assert watch.take() is None
            for sku in ("B", "A", "B", "C"):
                watches.changed(sku, ["lyon"])
            assert watch.take() == ["A", "B"]
            assert watch.take() == []
            watches.again()
            assert watch.take() is None
        watches.changed("A", [])
        assert watch.take() == []

    def test_who_named_no_sku_hears_of_all_at_their_locations(self) -> None:
        watches = Watches()
        with watches.open([], ["lyon", "paris"]) as watch:
            watch.take()
            for sku, place in (("A", "lyon"), ("B", "nantes"), ("C", "paris")):
                watches.changed(sku, [place])
            assert watch.take() == ["A", "C"]

    def test_what_changed_who_knows_where_concerns_those_who_were_told_of_it(self) -> None:
        watches = Watches()
        with watches.open([], ["lyon"]) as told, watches.open([], ["lyon"]) as untold:
            told.take()
            untold.take()
            assert told.is_new(entry("A", 1))
            watches.changed_somewhere("A")
            assert (told.take(), untold.take()) == (["A"], [])

    def test_no_revision_is_told_twice_or_after_a_newer_one(self) -> None:
        watch = Watch()
        assert [watch.is_new(entry("A", number)) for number in (0, 2, 2, 1, 3)] == [
            True,
            True,
            False,
            False,
            True,
        ]
