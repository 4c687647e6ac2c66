"""A line of a settlement report beside what our books say."""

from dataclasses import replace
from typing import Any

import pytest

from comptoir_payments.domain.statements import NO_TIME, Compared, Difference

SAME = Compared(
    number=7,
    line="line-1",
    reported=(4200, "EUR"),
    fee=(25, "EUR"),
    operation="pop_1",
    payment="pay_1",
    booked=(4200, "EUR"),
    booked_fee=(25, "EUR"),
    is_second=False,
)


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ({}, []),
        ({"booked_fee": None}, []),
        ({"booked": None, "booked_fee": None}, [Difference.UNEXPECTED]),
        ({"is_second": True, "reported": (1, "EUR")}, [Difference.DUPLICATE]),
        ({"reported": (4100, "EUR")}, [Difference.AMOUNT]),
        ({"booked": (4200, "XTS")}, [Difference.AMOUNT]),
        ({"fee": (30, "EUR")}, [Difference.FEE]),
        ({"booked_fee": (25, "XTS")}, [Difference.FEE]),
        ({"reported": (4100, "EUR"), "fee": (0, "EUR")}, [Difference.AMOUNT, Difference.FEE]),
    ],
)
def test_each_difference_is_named_in_the_order_of_the_list(
    change: dict[str, Any], kinds: list[Difference]
) -> None:
    found = list(replace(SAME, **change).differences())

    assert [each.kind for each in found] == kinds
    assert [each.key for each in found] == [(7, NO_TIME, kind) for kind in kinds]
    assert sorted(each.key for each in found) == [each.key for each in found]


def test_a_difference_tells_both_sides() -> None:
    amount, fee = replace(SAME, reported=(4100, "EUR"), fee=(30, "EUR")).differences()

    assert (amount.reported, amount.booked) == ((4100, "EUR"), (4200, "EUR"))
    assert (fee.reported, fee.booked) == ((30, "EUR"), (25, "EUR"))
    assert {(each.line, each.operation, each.payment) for each in (amount, fee)} == {
        ("line-1", "pop_1", "pay_1")
    }
