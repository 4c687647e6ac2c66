"""What a purse can pay, and for whom."""

from dataclasses import replace
from datetime import timedelta

import pytest

from comptoir_payments.domain.ledger import Entry, purse_account
from comptoir_payments.domain.methods import METHODS, offered
from comptoir_payments.domain.purses import KINDS, Purse, PurseKind
from services.payments.tests.unit.values import NOW

CARD = Purse(
    id="gft_1", kind=PurseKind.GIFT_CARD, currency="EUR", created_at=NOW, balance=5000, held=1000
)
ACCOUNT = Purse(
    id="acc_1",
    kind=PurseKind.ON_ACCOUNT,
    currency="EUR",
    created_at=NOW,
    owner="com_1",
    buyers=("cus_1",),
    balance=-3000,
    credit_limit=10000,
)


class TestPurse:
    @pytest.mark.parametrize(
        ("purse", "available"),
        [
            (CARD, 4000),
            (ACCOUNT, 7000),
            (replace(ACCOUNT, held=7000), 0),
            (replace(ACCOUNT, credit_limit=1000), 0),
        ],
    )
    def test_what_can_be_spent_is_what_nobody_holds(self, purse: Purse, available: int) -> None:
        assert purse.available == available

    def test_an_account_is_for_its_owner_and_buyers(self) -> None:
        assert ACCOUNT.may_be_used_by("com_1")
        assert ACCOUNT.may_be_used_by("cus_1")
        assert not ACCOUNT.may_be_used_by("cus_2")
        assert not ACCOUNT.may_be_used_by("")

    def test_a_card_is_for_whoever_knows_its_code(self) -> None:
        assert CARD.may_be_used_by("vis_1")

    def test_it_ends_at_its_second(self) -> None:
        card = replace(CARD, expires_at=NOW)
        assert card.refusal("EUR", NOW - timedelta(seconds=1)) == ""
        assert card.refusal("EUR", NOW) == "expired"
        assert card.refusal("USD", NOW) == "other_currency"


class TestMethods:
    def test_each_purse_is_a_method_with_an_account(self) -> None:
        assert {each.provider for each in METHODS if each.provider in KINDS} == KINDS
        assert len({purse_account(kind) for kind in KINDS}) == len(KINDS)

    def test_cash_is_offered_up_to_what_the_law_allows(self) -> None:
        def codes(amount: int | None, currency: str = "EUR") -> set[str]:
            return {each.code for each in offered("store", "FR", currency, amount)}

        assert "cash" in codes(100_000)
        assert "cash" in codes(None)
        assert codes(100_001) == codes(100_000) - {"cash"}

    def test_an_entry_names_no_holder_unless_it_has_one(self) -> None:
        assert Entry("bank", 1).holder == ""
