"""What a request says that cannot be is named."""

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir.type.v1.money_pb2 import Money
from comptoir_payments import convert
from comptoir_runtime.errors import InvalidFields
from services.payments.tests import factories
from services.payments.tests.unit.values import NOW

NEVER = Timestamp(seconds=2**60)


class TestAmounts:
    @pytest.mark.parametrize(
        ("amount", "field"),
        [
            (Money(amount="1.5", currency="EUR"), "amount.amount"),
            (Money(amount="1.50", currency="EUX"), "amount.currency"),
            (Money(amount="0.00", currency="EUR"), "amount"),
        ],
    )
    def test_what_cannot_be_paid_is_named_whole(self, amount: Money, field: str) -> None:
        with pytest.raises(InvalidFields) as refused:
            convert.issue(pb.IssueGiftCardRequest(amount=amount))
        assert [each.field for each in refused.value.violations] == [field]


class TestMoments:
    @pytest.mark.parametrize(
        ("read", "request_", "field"),
        [
            (convert.issue, factories.gift_card(expire_time=NEVER), "expire_time"),
            (
                convert.refunding,
                factories.refund("pay_1", consent=factories.consent(NOW, give_time=NEVER)),
                "consent.give_time",
            ),
            (
                convert.provider_report,
                factories.provider_report(NOW, start_time=NEVER),
                "start_time",
            ),
            (convert.provider_report, factories.provider_report(NOW, end_time=NEVER), "end_time"),
            (
                convert.provider_report,
                factories.provider_report(
                    NOW, factories.line("op_1"), factories.line("op_2", book_time=NEVER)
                ),
                "lines[1].book_time",
            ),
            (convert.moment, pb.GetTrialBalanceRequest(as_of_time=NEVER), "as_of_time"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_what_is_no_moment_is_named(
        self, read: Callable[[Any], object], request_: Message, field: str
    ) -> None:
        with pytest.raises(InvalidFields) as refused:
            read(request_)
        assert [each.field for each in refused.value.violations] == [field]
