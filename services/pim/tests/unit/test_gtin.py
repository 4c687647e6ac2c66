from hypothesis import given
from hypothesis import strategies as st

from comptoir_pim.domain.gtin import check_digit, is_gtin


class TestGtin:
    def test_known_numbers_of_each_length_are_right(self) -> None:
        for number in ("96385074", "036000291452", "4006381333931", "10614141000415"):
            assert is_gtin(number), number

    def test_a_wrong_check_digit_is_noticed(self) -> None:
        assert not is_gtin("4006381333930")

    def test_other_lengths_and_letters_are_no_gtin(self) -> None:
        for number in (
            "",
            "4006381",
            "400638133393",
            "400638133393X",
            "４００６３８１３３３９３１",
        ):
            assert not is_gtin(number), number

    @given(st.text("0123456789", min_size=12, max_size=12), st.integers(0, 11))
    def test_one_changed_digit_is_always_noticed(self, digits: str, place: int) -> None:
        number = digits + check_digit(digits)
        other = str((int(number[place]) + 1) % 10)

        assert is_gtin(number)
        assert not is_gtin(number[:place] + other + number[place + 1 :])
