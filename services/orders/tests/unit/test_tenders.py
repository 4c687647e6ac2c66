import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_orders.domain.tenders import (
    TenderChoice,
    TenderShare,
    arrange,
    authorise_key,
    due,
    require_currency,
)
from comptoir_orders.errors import TendersDoNotMatch

CARD = TenderChoice("card", "pm_1")
GIFT = TenderChoice("gift_card", "GIFT-1", 3000)
amounts = st.integers(min_value=1, max_value=10**9)


class TestArrange:
    def test_one_tender_pays_all(self) -> None:
        (tender,) = arrange([CARD], 7490)

        assert (tender.method, tender.token, tender.amount) == ("card", "pm_1", 7490)

    def test_what_the_merchant_holds_comes_first_and_the_card_takes_the_rest(self) -> None:
        credit = TenderChoice("store_credit", "", 1000)
        account = TenderChoice("on_account", "", 490)

        tenders = arrange([account, CARD, credit, GIFT], 7490)

        assert [(each.method, each.amount) for each in tenders] == [
            ("gift_card", 3000),
            ("store_credit", 1000),
            ("on_account", 490),
            ("card", 3000),
        ]

    def test_39_nobody_is_asked_for_nothing(self) -> None:
        assert arrange([CARD], 0) == ()
        assert [each.method for each in arrange([GIFT, CARD], 3000)] == ["gift_card"]

    @pytest.mark.parametrize(
        ("choices", "total"),
        [
            ([GIFT], 2999),
            ([GIFT], 3001),
            ([GIFT, CARD], 2999),
            ([GIFT, GIFT], 7490),
            ([CARD, CARD], 7490),
            ([GIFT], 0),
            ([], 1),
        ],
    )
    def test_amounts_that_do_not_add_up_are_refused(
        self, choices: list[TenderChoice], total: int
    ) -> None:
        with pytest.raises(TendersDoNotMatch) as refused:
            arrange(choices, total)

        assert refused.value.metadata["total_minor"] == str(total)

    def test_27_the_same_number_in_another_currency_is_refused(self) -> None:
        require_currency("", "EUR")
        require_currency("EUR", "EUR")
        with pytest.raises(TendersDoNotMatch):
            require_currency("JPY", "EUR")

    @given(st.lists(amounts, max_size=4), st.integers(min_value=0, max_value=10**9), st.data())
    def test_the_parts_sum_to_the_total(
        self, given_amounts: list[int], rest: int, data: st.DataObject
    ) -> None:
        methods = st.sampled_from(["card", "gift_card", "store_credit", "on_account"])
        choices = [TenderChoice(data.draw(methods), "", amount) for amount in given_amounts]
        choices.insert(data.draw(st.integers(0, len(choices))), CARD)
        total = sum(given_amounts) + rest

        tenders = arrange(choices, total)

        assert sum(each.amount for each in tenders) == total
        assert all(each.amount > 0 for each in tenders)


class TestKeys:
    def test_each_tender_has_its_own_and_the_first_the_one_it_always_had(self) -> None:
        keys = [authorise_key("plc_1", index) for index in range(3)]

        assert keys == ["plc_1/authorise", "plc_1/authorise/1", "plc_1/authorise/2"]


class TestDue:
    def test_a_gift_card_is_used_up_before_the_card(self) -> None:
        shares = [TenderShare("pay_gift", 3000), TenderShare("pay_card", 4490)]

        assert due(shares, 0, 2000, "EUR") == [TenderShare("pay_gift", 2000)]
        assert due(shares, 2000, 3490, "EUR") == [
            TenderShare("pay_gift", 1000),
            TenderShare("pay_card", 2490),
        ]
        assert due(shares, 5490, 2000, "EUR") == [TenderShare("pay_card", 2000)]
        assert due(shares, 0, 0, "EUR") == []
        assert due([], 0, 2000, "EUR") == []

    @given(st.lists(amounts, min_size=1, max_size=5), st.data())
    def test_whatever_leaves_in_which_parts_each_payment_is_taken_exactly(
        self, parts: list[int], data: st.DataObject
    ) -> None:
        """M4, M10: never a cent above or below, in any split."""
        shares = [TenderShare(f"pay_{number}", amount) for number, amount in enumerate(parts)]
        left = total = sum(parts)
        taken = {share.payment: 0 for share in shares}
        while left > 0:
            leaving = data.draw(st.integers(min_value=max(1, left // 3), max_value=left))
            captures = due(shares, total - left, leaving, "EUR")
            assert sum(each.amount for each in captures) == leaving
            for each in captures:
                taken[each.payment] += each.amount
            left -= leaving

        assert taken == {share.payment: share.amount for share in shares}

    def test_m3_40_what_a_card_network_cannot_count_waits_for_the_next_part(self) -> None:
        shares = [TenderShare("pay_gift", 1005), TenderShare("pay_card", 3210)]

        assert due(shares, 0, 2103, "KWD") == [
            TenderShare("pay_gift", 1005),
            TenderShare("pay_card", 1090),
        ]
        assert due(shares, 2103, 5, "KWD") == [TenderShare("pay_card", 10)]
        assert due(shares, 2108, 1, "KWD") == []
        assert due(shares, 2109, 2106, "KWD") == [TenderShare("pay_card", 2110)]

    @given(st.sampled_from([("KWD", 10), ("MGA", 100), ("JPY", 1)]), st.data())
    def test_m3_40_each_part_can_be_taken_and_all_of_them_are_the_whole(
        self, counted: tuple[str, int], data: st.DataObject
    ) -> None:
        currency, step = counted
        gift = data.draw(st.integers(min_value=1, max_value=10**6))
        card = step * data.draw(st.integers(min_value=1, max_value=10**6))
        shares = [TenderShare("pay_gift", gift), TenderShare("pay_card", card)]
        left = total = gift + card
        taken = {share.payment: 0 for share in shares}
        while left > 0:
            leaving = data.draw(st.integers(min_value=max(1, left // 3), max_value=left))
            for each in due(shares, total - left, leaving, currency):
                assert each.payment == "pay_gift" or each.amount % step == 0
                taken[each.payment] += each.amount
            left -= leaving

        assert taken == {share.payment: share.amount for share in shares}
