"""Conditions that a caller has given."""

from comptoir_runtime.database import Where


def test_what_nobody_asked_for_is_not_in_the_statement() -> None:
    where = Where()

    limit = where.parameter(50)

    assert (str(where), limit, where.values) == ("", "$1", [50])


def test_conditions_and_values_are_numbered_together() -> None:
    where = Where()
    where.add("customer = {}", "cus_1")
    where.add("review <> '{{}}'::jsonb")
    where.add("(placed_at, id) < ({}, {})", 7, "ord_1")

    limit = where.parameter(50)

    assert str(where) == (
        "WHERE customer = $1 AND review <> '{}'::jsonb AND (placed_at, id) < ($2, $3)"
    )
    assert (limit, where.values) == ("$4", ["cus_1", 7, "ord_1", 50])


def test_a_list_goes_on_after_a_row_in_its_order() -> None:
    where = Where()

    order = where.walk(("placed_at", "id"), (7, "ord_1"), descending=True)

    assert str(where) == "WHERE (placed_at, id) < ($1, $2)"
    assert (order, where.values) == ("ORDER BY placed_at DESC, id DESC", [7, "ord_1"])


def test_a_list_of_few_among_many_is_sorted_by_what_they_have_in_common() -> None:
    where = Where()

    order = where.walk(("created_at", "id"), (7, "ful_1"), among=("location", "LYO"))

    assert str(where) == "WHERE location <= $1 AND (location, created_at, id) > ($2, $3, $4)"
    assert order == "ORDER BY location, created_at, id"
    assert where.values == ["LYO", "LYO", 7, "ful_1"]


def test_the_first_page_begins_anywhere() -> None:
    where = Where()

    assert where.walk(("id",), None) == "ORDER BY id"
    assert (str(where), where.values) == ("", [])
    assert where.walk(("id",), None, among=("channel", "web"), descending=True) == (
        "ORDER BY channel DESC, id DESC"
    )
    assert str(where) == "WHERE channel >= $1 AND channel <= $2"


def test_a_list_of_a_time_ends_where_that_begins() -> None:
    everywhere, somewhere = Where(), Where()

    everywhere.walk(("placed_at", "id"), (7, ""), until=3, descending=True)
    somewhere.walk(("placed_at", "id"), (7, ""), among=("channel", "web"), until=3, descending=True)

    assert str(everywhere) == "WHERE placed_at >= $1 AND (placed_at, id) < ($2, $3)"
    assert str(somewhere) == (
        "WHERE (channel, placed_at) >= ($1, $2) AND (channel, placed_at, id) < ($3, $4, $5)"
    )
    assert somewhere.values == ["web", 3, "web", 7, ""]
