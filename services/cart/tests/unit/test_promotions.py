from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_cart.domain.promotions import (
    AppliedCoupon,
    Coupon,
    Why,
    normal_code,
    require_usable,
)
from comptoir_cart.errors import CouponNotValid
from comptoir_cart.policies.promotions import EFFECTS
from services.cart.tests.factories import NOW, amount, percent

goods = st.integers(0, 10**9)
VALUES = {"percent": st.integers(1, 10_000), "amount": st.integers(1, 10**9)}


@pytest.mark.parametrize("name", sorted(EFFECTS))
class TestEveryEffect:
    """The promise of `Effect`, kept by each of them."""

    @given(data=st.data(), price=goods)
    def test_takes_at_most_what_there_is(self, name: str, data: st.DataObject, price: int) -> None:
        assert 0 <= EFFECTS[name].off(price, data.draw(VALUES[name])) <= price

    @given(data=st.data(), price=goods, more=st.integers(0, 1000))
    def test_dearer_goods_stay_dearer(
        self, name: str, data: st.DataObject, price: int, more: int
    ) -> None:
        effect, value = EFFECTS[name], data.draw(VALUES[name])
        dearer = price + more
        assert price - effect.off(price, value) <= dearer - effect.off(dearer, value)


class TestPercentOff:
    @pytest.mark.parametrize(
        ("price", "hundredths", "off"),
        [(10_000, 1_000, 1_000), (12_345, 1_250, 1_543), (5, 5_000, 3), (99, 10_000, 99)],
    )
    def test_halves_go_to_the_customer(self, price: int, hundredths: int, off: int) -> None:
        assert EFFECTS["percent"].off(price, hundredths) == off


class TestAmountOff:
    def test_never_more_than_the_goods_cost(self) -> None:
        assert [EFFECTS["amount"].off(price, 500) for price in (0, 499, 500, 501)] == [
            0,
            499,
            500,
            500,
        ]


class TestNormalCode:
    @pytest.mark.parametrize(
        "typed",
        [
            "BIENVENUE10",
            "bienvenue10",
            " Bienvenue10 ",
            "ＢＩＥＮＶＥＮＵＥ１０",
            "\ufeffbien\u00advenue\u200b10\u200d",
        ],
    )
    def test_case_width_spaces_and_what_cannot_be_seen_make_no_difference(self, typed: str) -> None:
        assert normal_code(typed) == "BIENVENUE10"

    @given(st.text(max_size=40))
    def test_the_normal_form_is_its_own(self, typed: str) -> None:
        assert normal_code(normal_code(typed)) == normal_code(typed)


class TestWhyNot:
    @pytest.mark.parametrize(
        ("coupon", "why"),
        [
            (percent("C", 1000), None),
            (percent("C", 1000, valid_from=NOW + timedelta(seconds=1)), Why.NOT_STARTED),
            (percent("C", 1000, valid_from=NOW), None),
            (percent("C", 1000, valid_to=NOW), Why.EXPIRED),
            (percent("C", 1000, usage_limit=2, used_count=2), Why.USED_UP),
            (percent("C", 1000, usage_limit=2, used_count=1), None),
            (amount("C", 500, "JPY"), Why.OTHER_CURRENCY),
            (percent("C", 1000, usage_limit_per_customer=1, used_by_owner=1), Why.USED_BY_CUSTOMER),
            (percent("C", 1000, minimum_subtotal=5_001), Why.MINIMUM_NOT_REACHED),
            (percent("C", 1000, minimum_subtotal=5_000), None),
        ],
    )
    def test_the_first_reason_is_told(self, coupon: Coupon, why: Why | None) -> None:
        assert coupon.why_not(NOW, "EUR", 5_000, known=True) is why

    def test_uses_of_a_visitor_cannot_be_counted(self) -> None:
        once = percent("C", 1000, usage_limit_per_customer=1)
        assert once.why_not(NOW, "EUR", 5_000, known=False) is Why.SIGN_IN_REQUIRED


class TestRequireUsable:
    @pytest.mark.parametrize("why", [Why.MINIMUM_NOT_REACHED, Why.SIGN_IN_REQUIRED])
    def test_a_coupon_that_may_still_count_is_taken(self, why: Why) -> None:
        require_usable([AppliedCoupon("C", 0, str(why))], "C")

    @pytest.mark.parametrize("why", [Why.UNKNOWN, Why.EXPIRED, Why.USED_UP])
    def test_one_that_never_will_is_refused_with_the_reason(self, why: Why) -> None:
        with pytest.raises(CouponNotValid) as refused:
            require_usable([AppliedCoupon("C", 0, str(why))], "C")
        expected: dict[str, Any] = {"code": "C", "why": str(why)}
        assert refused.value.metadata == expected
