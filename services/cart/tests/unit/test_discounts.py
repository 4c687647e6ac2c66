from hypothesis import given
from hypothesis import strategies as st

from comptoir_cart.domain.discounts import spread

goods = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 4)), min_size=1, max_size=30)


class TestSpread:
    def test_by_largest_remainder_within_a_group(self) -> None:
        assert spread(100, [100, 100, 100], "aaa") == [34, 33, 33]

    def test_over_groups_in_proportion(self) -> None:
        assert spread(10, [75, 25, 0], "abc") == [7, 3, 0]

    def test_all_that_there_is(self) -> None:
        assert spread(103, [100, 3], "ab") == [100, 3]

    def test_nothing_over_nothing(self) -> None:
        assert spread(0, [0, 0], "ab") == [0, 0]
        assert spread(0, [], "") == []

    @given(goods, st.data())
    def test_parts_sum_up_and_fit_in_their_lines(
        self, lines: list[tuple[int, int]], data: st.DataObject
    ) -> None:
        subtotals, groups = [price for price, _ in lines], [group for _, group in lines]
        off = data.draw(st.integers(0, sum(subtotals)))
        parts = spread(off, subtotals, groups)
        assert sum(parts) == off
        assert all(0 <= part <= price for part, price in zip(parts, subtotals, strict=True))

    @given(goods, st.data())
    def test_a_larger_discount_leaves_no_group_more(
        self, lines: list[tuple[int, int]], data: st.DataObject
    ) -> None:
        subtotals, groups = [price for price, _ in lines], [group for _, group in lines]
        less = data.draw(st.integers(0, sum(subtotals)))
        more = data.draw(st.integers(less, sum(subtotals)))
        small, large = spread(less, subtotals, groups), spread(more, subtotals, groups)
        for group in set(groups):
            of_group = [index for index, each in enumerate(groups) if each == group]
            assert sum(small[index] for index in of_group) <= sum(large[i] for i in of_group)
