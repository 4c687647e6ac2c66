"""What a request says that cannot be is named."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from comptoir.inventory.v1 import stock_pb2
from comptoir_inventory import convert
from comptoir_runtime.errors import InvalidFields
from services.inventory.tests import factories

NEVER = Timestamp(seconds=2**60)


class TestMoments:
    @pytest.mark.parametrize("field", ["backorder_until_time", "preorder_time"])
    def test_what_is_no_moment_of_a_policy_is_named(self, field: str) -> None:
        policy = stock_pb2.SellingPolicy(sku="A", backorder=stock_pb2.SellingPolicy.BACKORDER_NONE)
        getattr(policy, field).CopyFrom(NEVER)
        with pytest.raises(InvalidFields) as refused:
            convert.policy_from(policy)
        assert [each.field for each in refused.value.violations] == [f"policy.{field}"]

    def test_what_is_no_moment_of_supply_is_named(self) -> None:
        supply = [factories.supply("A", 1), factories.supply("B", 1)]
        supply[1].expected_time.CopyFrom(NEVER)
        with pytest.raises(InvalidFields) as refused:
            convert.supply_from(supply)
        assert [each.field for each in refused.value.violations] == ["supply[1].expected_time"]
