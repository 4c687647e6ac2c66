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
