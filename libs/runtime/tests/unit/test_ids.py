import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_runtime.ids import is_id, new_id, uuid7

SUFFIX = "01m821h4g7fa38694zq5mhyj40"


class TestNewId:
    def test_is_a_prefix_and_a_uuid_of_version_7(self) -> None:
        value = new_id("ord")

        assert value.startswith("ord_")
        assert len(value) == 30
        assert is_id(value, "ord")

    def test_ids_are_different_and_sort_by_millisecond(self) -> None:
        ids = []
        for _ in range(20):
            ids.append(new_id("ord"))
            time.sleep(0.001)

        assert ids == sorted(set(ids))

    def test_decodes_to_the_time_of_its_creation(self) -> None:
        alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
        before = time.time_ns() // 1_000_000
        number = 0
        for character in new_id("ord").removeprefix("ord_"):
            number = number * 32 + alphabet.index(character)

        assert before <= number >> 80 <= time.time_ns() // 1_000_000
        assert number >> 76 & 0xF == 7
        assert number >> 62 & 0b11 == 0b10


class TestUuid7:
    def test_has_the_version_and_variant_of_the_standard(self) -> None:
        value = uuid7()

        assert value.version == 7
        assert value.variant == "specified in RFC 4122"


class TestIsId:
    def test_accepts_its_own_prefix_only(self) -> None:
        assert is_id(f"ord_{SUFFIX}", "ord")
        assert is_id(f"gift_card_{SUFFIX}", "gift_card")
        assert not is_id(f"ord_{SUFFIX}", "cart")
        assert not is_id(f"gift_card_{SUFFIX}", "card")

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "ord_",
            SUFFIX,
            f"ord{SUFFIX}",
            f"ord_{SUFFIX[:-1]}",
            f"ord_{SUFFIX}0",
            f"ord_8{SUFFIX[1:]}",  # more than 128 bits
            f"ord_{SUFFIX[:-1]}u",  # not in the alphabet
            f"ord_{SUFFIX.upper()}",
            f"ord_{SUFFIX[:-1]}\n",
        ],
    )
    def test_refuses_other_forms(self, value: str) -> None:
        assert not is_id(value, "ord")

    @given(st.text())
    def test_never_raises(self, value: str) -> None:
        assert is_id(value, "ord") in (True, False)
