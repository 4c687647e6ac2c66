"""Statements with parameters by name, and what "since" means to an index."""

from datetime import UTC, datetime, timedelta

import pytest

from comptoir_audit.scope import Scope, View, key_of, since_ids
from comptoir_runtime.ids import new_id

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class TestStatement:
    def test_each_parameter_has_one_number_and_its_type(self) -> None:
        scope = Scope(NOON, timedelta(seconds=5))

        sql, values = scope.statement(
            "SELECT now() - :grace WHERE at >= :since AND at < now() - :grace AND id = ANY(:keys)",
            keys=["a"],
        )

        assert sql == (
            "SELECT now() - $1::interval WHERE at >= $2::timestamptz"
            " AND at < now() - $1::interval AND id = ANY($3::text[])"
        )
        assert values == [timedelta(seconds=5), NOON, ["a"]]

    def test_casts_are_left_alone(self) -> None:
        assert Scope().statement("SELECT '1'::bigint") == ("SELECT '1'::bigint", [])

    @pytest.mark.parametrize(("since", "expected"), [(None, "(all)"), (NOON, "(new)")])
    def test_a_view_is_everything_or_what_has_changed(
        self, since: datetime | None, expected: str
    ) -> None:
        scope = Scope(since, views={"orders": View("all", "new")})

        assert scope.statement("FROM @orders")[0] == f"FROM {expected}"


class TestKeyOf:
    def test_ids_made_since_are_above_it_and_earlier_ones_below(self) -> None:
        now = datetime.now(UTC)
        made = new_id("ord")

        assert "ord_" + key_of(now - timedelta(seconds=1)) < made
        assert made < "ord_" + key_of(now + timedelta(seconds=5))
        assert made < "ord_z"

    def test_a_full_pass_has_no_bound(self) -> None:
        assert Scope().statement(":since_key")[1] == [""]

    def test_the_condition_is_a_range_of_the_index(self) -> None:
        assert since_ids("id", ("plc", "sal")) == (
            "id BETWEEN 'plc_' || :since_key AND 'plc_z'"
            " OR id BETWEEN 'sal_' || :since_key AND 'sal_z'"
        )
