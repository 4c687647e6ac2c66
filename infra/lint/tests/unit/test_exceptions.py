"""Exceptions: named, with a reason, and gone when nobody needs them."""

from pathlib import Path

import pytest

from infra.lint.exceptions import Exceptions
from infra.lint.source import Finding

ENTRY = """
[[exception]]
rule = "size"
path = "services/*/rpc.py"
name = "place_order"
reason = "reads top to bottom as the saga it is"
"""


@pytest.fixture
def exceptions(tmp_path: Path) -> Exceptions:
    (tmp_path / "exceptions.toml").write_text(ENTRY)
    return Exceptions.load(tmp_path / "exceptions.toml")


class TestExceptions:
    def test_only_what_is_named_is_covered(self, exceptions: Exceptions) -> None:
        covered = Finding("services/orders/rpc.py", 3, "size", "place_order has 51 lines")
        other = Finding("services/orders/rpc.py", 3, "size", "place_order_again has 51 lines")

        assert exceptions.cover(covered)
        assert not exceptions.cover(other)
        assert not exceptions.cover(Finding(covered.path, 3, "money", covered.message))

    def test_one_that_covers_nothing_is_a_finding(self, exceptions: Exceptions) -> None:
        assert [finding.rule for finding in exceptions.unused()] == ["exception"]

        exceptions.cover(Finding("services/orders/rpc.py", 3, "size", "place_order has 51 lines"))

        assert exceptions.unused() == []

    def test_one_without_a_reason_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "exceptions.toml"
        path.write_text(ENTRY.replace("reads top to bottom as the saga it is", "long"))

        with pytest.raises(ValueError, match="gives no reason"):
            Exceptions.load(path)
