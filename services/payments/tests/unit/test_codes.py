"""Codes of gift cards: as long as they have to be, and easy on people."""

import pytest

from comptoir_payments.domain.codes import ALPHABET, code_of, display_of, hash_of
from comptoir_runtime.card_numbers import looks_like_card_number

SECRET = "a secret"


class TestCodes:
    def test_a_code_is_sixteen_characters_in_groups(self) -> None:
        code = code_of(SECRET, "gft_1")
        assert [len(group) for group in code.split("-")] == [4, 4, 4, 4]
        assert set(code) <= {*ALPHABET, "-"}
        assert display_of(code) == f"•••• {code[-4:]}"

    def test_it_depends_on_the_card_and_on_the_secret(self) -> None:
        codes = {code_of(SECRET, f"gft_{number}") for number in range(1000)}
        assert len(codes) == 1000
        assert code_of("another", "gft_1") not in codes
        assert code_of(SECRET, "gft_1") in codes

    def test_every_character_comes_up_everywhere(self) -> None:
        codes = [code_of(SECRET, str(number)).replace("-", "") for number in range(1000)]
        assert all({code[place] for code in codes} == set(ALPHABET) for place in range(16))

    @pytest.mark.parametrize("typed", ["o1il-o0Il-7f2k", " 01 11-0011 7F2K "])
    def test_what_looks_alike_is_the_same(self, typed: str) -> None:
        assert hash_of(typed) == hash_of("0111-0011-7F2K")

    def test_another_code_has_another_hash(self) -> None:
        assert hash_of("0111-0011-7F2K") != hash_of("0111-0011-7F2M")

    def test_none_is_taken_for_a_card_number(self) -> None:
        codes = [code_of(SECRET, str(number)) for number in range(1000)]
        assert not any(looks_like_card_number(code) for code in codes)
