"""What looks like a card number, and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_runtime.card_numbers import (
    CardNumberRefused,
    looks_like_card_number,
    refuse_card_numbers,
)


def with_check_digit(digits: str) -> str:
    """The number that passes Luhn's check."""
    for check in "0123456789":
        number = [int(each) for each in reversed(digits + check)]
        doubled = (each * 2 // 10 + each * 2 % 10 for each in number[1::2])
        if (sum(number[::2]) + sum(doubled)) % 10 == 0:
            return digits + check
    raise AssertionError("one of ten always fits")


class TestLooksLikeCardNumber:
    @pytest.mark.parametrize(
        "text",
        [
            "4242424242424242",
            "4242 4242 4242 4242",
            "4242-4242-4242-4242",
            "378282246310005",
            "5555555555554444",
            "my card is 4000000000000002, thanks",
            "https://shop.example/return?card=4242424242424242&x=1",
            "+4242 4242 4242 4242",
        ],
    )
    def test_card_numbers_are_recognised(self, text: str) -> None:
        assert looks_like_card_number(text)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "pm_card_visa",
            "pm_4242424242424242424242ab",
            "4242424242424241",
            "ord_01j9z3k4m5n6p7q8r9s0t1v2w3",
            "+33 6 12 34 56 78",
            "+49 1511 2345678",  # passes Luhn's check, as one of ten German mobiles does
            "2026-11-22T16:44:00Z",
            "424242424242",
            "42424242424242424242",
        ],
    )
    def test_other_texts_are_not(self, text: str) -> None:
        assert not looks_like_card_number(text)

    @given(st.sampled_from("23456"), st.text("0123456789", min_size=11, max_size=17))
    def test_any_length_a_card_can_have_is_recognised(self, first: str, others: str) -> None:
        assert looks_like_card_number(with_check_digit(first + others))

    @given(st.binary(min_size=12, max_size=12))
    def test_tokens_of_the_provider_are_never_mistaken(self, random: bytes) -> None:
        assert not looks_like_card_number(f"pm_{random.hex()}")


class TestRefuseCardNumbers:
    def test_the_field_is_named_and_nothing_of_it_repeated(self) -> None:
        texts = {"token": "pm_card_visa", "return_url": "", "reason": "too late"}
        refuse_card_numbers(texts)
        texts["payment.token"] = "4242 4242 4242 4242"

        with pytest.raises(CardNumberRefused) as refused:
            refuse_card_numbers(texts)

        assert [each.field for each in refused.value.violations] == ["payment.token"]
        assert "4242" not in str(refused.value.violations) + refused.value.message
