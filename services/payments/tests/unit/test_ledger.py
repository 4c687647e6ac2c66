"""What movements mean for the accounts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_payments.domain import ledger
from comptoir_payments.domain.ledger import Entry, Transfer, TransferKind, Unbalanced
from services.payments.tests.unit.values import NOW

AMOUNTS = st.integers(min_value=1, max_value=10**12)


class TestEntries:
    def test_a_capture_moves_from_the_customer_to_the_provider(self) -> None:
        assert ledger.capture_entries("provider_clearing:sandbox", "sandbox", 4200, 0) == (
            Entry("provider_clearing:sandbox", 4200),
            Entry("customer_receivable", -4200),
        )

    def test_a_fee_is_kept_by_the_provider(self) -> None:
        assert ledger.capture_entries("provider_clearing:sandbox", "sandbox", 4200, 85) == (
            Entry("provider_clearing:sandbox", 4115),
            Entry("provider_fees:sandbox", 85),
            Entry("customer_receivable", -4200),
        )

    def test_a_refund_goes_back_the_way_it_came(self) -> None:
        assert ledger.refund_entries("till_cash:LYO", 250) == (
            Entry("refunds", 250),
            Entry("till_cash:LYO", -250),
        )

    @given(amount=AMOUNTS, fee=st.integers(min_value=0, max_value=10**6))
    def test_m1_every_capture_balances(self, amount: int, fee: int) -> None:
        entries = ledger.capture_entries("a", "b", amount, min(fee, amount))
        assert sum(entry.amount for entry in entries) == 0
        assert all(entry.amount for entry in entries)

    @given(AMOUNTS)
    def test_m1_every_refund_balances(self, amount: int) -> None:
        assert sum(entry.amount for entry in ledger.refund_entries("a", amount)) == 0


class TestTransfer:
    def test_m1_what_does_not_balance_is_no_transfer(self) -> None:
        with pytest.raises(Unbalanced):
            Transfer(
                kind=TransferKind.CAPTURE,
                payment="pay_1",
                operation="pop_1",
                currency="EUR",
                at=NOW,
                entries=(Entry("a", 100), Entry("b", -99)),
            )


class TestAccounts:
    @pytest.mark.parametrize(
        ("tender", "location", "account"),
        [
            ("cash", "LYO", "till_cash:LYO"),
            ("terminal", "LYO", "terminal_clearing:LYO"),
            ("cash", "", "till_cash:unknown"),
        ],
    )
    def test_each_till_has_its_own(self, tender: str, location: str, account: str) -> None:
        assert ledger.till_account(tender, location) == account
