from hypothesis import given
from hypothesis import strategies as st

from comptoir_orders.domain.numbers import canonical, order_number

SERIALS = st.integers(min_value=1, max_value=10**9)
YEARS = st.integers(min_value=2026, max_value=2099)


class TestOrderNumber:
    def test_it_is_short_and_readable(self) -> None:
        number = order_number(2026, 123)

        assert number == "26-000123-" + number[-1]
        assert len(number) == 11

    def test_it_grows_beyond_a_million_orders(self) -> None:
        assert order_number(2026, 1_234_567).startswith("26-1234567-")

    @given(YEARS, SERIALS)
    def test_it_is_understood_as_people_type_it(self, year: int, serial: int) -> None:
        number = order_number(year, serial)

        assert canonical(number) == number
        assert canonical(f" {number.replace('-', '')} ") == number

    @given(YEARS, SERIALS, st.data())
    def test_a_wrong_digit_is_noticed(self, year: int, serial: int, data: st.DataObject) -> None:
        digits = order_number(year, serial).replace("-", "")
        at = data.draw(st.integers(min_value=0, max_value=len(digits) - 1))
        other = data.draw(st.sampled_from([each for each in "0123456789" if each != digits[at]]))

        assert canonical(digits[:at] + other + digits[at + 1 :]) is None

    @given(YEARS, SERIALS, st.data())
    def test_swapped_neighbours_are_noticed(
        self, year: int, serial: int, data: st.DataObject
    ) -> None:
        digits = order_number(year, serial).replace("-", "")
        at = data.draw(st.integers(min_value=0, max_value=len(digits) - 2))
        swapped = digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]

        assert (canonical(swapped) is None) == (swapped != digits)

    def test_ids_are_no_numbers(self) -> None:
        for text in ("", "ord_01j8", "26-123-4", "26-000123-", "²6-000123-7"):
            assert canonical(text) is None

    @given(st.lists(SERIALS, unique=True, max_size=30), YEARS)
    def test_serials_make_different_numbers(self, serials: list[int], year: int) -> None:
        assert len({order_number(year, serial) for serial in serials}) == len(serials)
