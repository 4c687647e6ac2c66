"""Price lists and prices through the real server."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from comptoir.cart.v1 import cart_service_pb2 as pb
from comptoir.cart.v1 import events_pb2, price_pb2
from comptoir_cart.operations.prices import announce_due
from comptoir_runtime.errors import RemoteFailure
from services.cart.tests.factories import (
    COFFEE,
    CUSTOMER,
    JACKET,
    LAMP,
    Shop,
    customer_state,
    money,
    price_list,
    prices,
    put_coupon,
    put_shipping_rule,
)


async def states(shop: Shop, sku: str) -> list[tuple[int, dict[str, str]]]:
    """Version and amounts by list of every state of a sku, oldest first."""
    return [
        (event.version, {price.price_list: price.amount.amount for price in event.prices})
        for event in await shop.harness.events(events_pb2.PriceState)
        if event.sku == sku
    ]


class TestGetPrices:
    async def amounts(self, shop: Shop, token: str | None = None, **fields: str) -> Any:
        request = pb.GetPricesRequest(skus=[LAMP, "GHOST", JACKET], **fields)
        found = await shop.harness.call("GetPrices", request, token)
        return [(each.sku, each.price_list, each.amount.amount) for each in found.prices]

    async def test_one_entry_per_sku_in_the_order_asked(self, shop: Shop) -> None:
        assert await self.amounts(shop) == [
            (LAMP, "base", "39.90"),
            ("GHOST", "", ""),
            (JACKET, "base", "129.00"),
        ]

    async def test_the_most_specific_list_of_the_caller(self, shop: Shop) -> None:
        await shop.manage("PutPriceList", price_list("mobile_app", channel="mobile"))
        await shop.manage("SetPrices", prices("mobile_app", {LAMP: "38.00"}))
        await shop.manage("PutPriceList", price_list("pro", customer_group="professionals"))
        await shop.manage("SetPrices", prices("pro", {LAMP: "35.00"}))
        await shop.harness.deliver(customer_state(CUSTOMER, "professionals"))
        assert (await self.amounts(shop))[0] == (LAMP, "base", "39.90")
        assert (await self.amounts(shop, channel="mobile"))[0] == (LAMP, "mobile_app", "38.00")
        found = await self.amounts(shop, shop.customer, channel="mobile")
        assert found == [(LAMP, "pro", "35.00"), ("GHOST", "", ""), (JACKET, "base", "129.00")]

    async def test_a_list_counts_from_its_first_moment_until_its_last(self, shop: Shop) -> None:
        now = shop.harness.clock.now()
        sale = price_list("sale", priority=20)
        sale.price_list.valid_from_time.FromDatetime(now + timedelta(seconds=10))
        sale.price_list.valid_to_time.FromDatetime(now + timedelta(seconds=20))
        await shop.manage("PutPriceList", sale)
        await shop.manage("SetPrices", prices("sale", {LAMP: "19.90"}))
        seen = []
        for _ in range(3):
            seen.append((await self.amounts(shop))[0][2])
            shop.harness.clock.advance(10)
        assert seen == ["39.90", "19.90", "39.90"]

    async def test_tiers_are_told(self, shop: Shop) -> None:
        request = prices("base", {LAMP: "35.00"})
        request.prices[0].min_quantity = 3
        await shop.manage("SetPrices", request)
        found = await shop.harness.call("GetPrices", pb.GetPricesRequest(skus=[LAMP]))
        assert found.prices[0] == price_pb2.ResolvedPrice(
            sku=LAMP,
            amount=money("39.90"),
            price_list="base",
            tax_included=True,
            tiers=[price_pb2.ResolvedPrice.Tier(min_quantity=3, amount=money("35.00"))],
        )

    async def test_other_currencies_have_their_own_lists(self, shop: Shop) -> None:
        await shop.manage("PutPriceList", price_list("tokyo", currency="JPY"))
        await shop.manage("SetPrices", prices("tokyo", {LAMP: "6500"}, "JPY"))
        assert (await self.amounts(shop, currency="JPY"))[0] == (LAMP, "tokyo", "6500")


class TestSetPrices:
    async def test_only_what_is_new_or_other_counts(self, shop: Shop) -> None:
        request = prices("base", {LAMP: "39.90", JACKET: "119.00", "NEW": "1.00"})
        assert (await shop.manage("SetPrices", request)).changed_count == 2
        assert (await shop.manage("SetPrices", request)).changed_count == 0

    async def test_all_or_none(self, shop: Shop) -> None:
        request = prices("base", {LAMP: "1.00", JACKET: "2.000"})
        before = await shop.harness.snapshot()
        with pytest.raises(RemoteFailure) as refused:
            await shop.manage("SetPrices", request)
        assert [each.field for each in refused.value.violations] == ["prices[1].amount.amount"]
        assert not before.changes_to(await shop.harness.snapshot())

    @pytest.mark.parametrize(
        ("request_", "reason"),
        [
            (prices("nowhere", {LAMP: "1.00"}), "PRICE_LIST_NOT_FOUND"),
            (prices("base", {LAMP: "100"}, "JPY"), "INVALID_FIELDS"),
            (prices("base", {LAMP: "-1.00"}), "INVALID_FIELDS"),
        ],
    )
    async def test_a_wrong_list_currency_or_amount_is_refused(
        self, shop: Shop, request_: pb.SetPricesRequest, reason: str
    ) -> None:
        with pytest.raises(RemoteFailure) as refused:
            await shop.manage("SetPrices", request_)
        assert refused.value.reason == reason

    async def test_everybody_learns_what_changed(self, shop: Shop) -> None:
        await shop.manage("SetPrices", prices("base", {LAMP: "38.00", JACKET: "129.00"}))
        assert await states(shop, LAMP) == [(1, {"base": "39.90"}), (2, {"base": "38.00"})]
        assert await states(shop, JACKET) == [(1, {"base": "129.00"})]

    async def test_prices_of_a_group_are_not_told(self, shop: Shop) -> None:
        await shop.manage("PutPriceList", price_list("pro", customer_group="professionals"))
        await shop.manage("SetPrices", prices("pro", {LAMP: "30.00"}))
        assert await states(shop, LAMP) == [(1, {"base": "39.90"})]

    async def test_states_of_changes_at_once_have_seen_each_other(self, shop: Shop) -> None:
        for number in range(6):
            await shop.manage("PutPriceList", price_list(f"list-{number}"))
        await asyncio.gather(
            *(
                shop.manage("SetPrices", prices(f"list-{number}", {LAMP: "1.00", COFFEE: "2.00"}))
                for number in range(6)
            )
        )
        for sku in (LAMP, COFFEE):
            newest = max(await states(shop, sku))
            assert (newest[0], len(newest[1])) == (7, 7)


class TestPutPriceList:
    async def test_the_currency_of_prices_cannot_change(self, shop: Shop) -> None:
        with pytest.raises(RemoteFailure) as refused:
            await shop.manage("PutPriceList", price_list(currency="JPY"))
        assert (refused.value.reason, refused.value.metadata) == (
            "CURRENCY_FIXED",
            {"currency": "EUR"},
        )
        await shop.manage("PutPriceList", price_list("empty"))
        changed = await shop.manage("PutPriceList", price_list("empty", currency="JPY"))
        assert changed.currency == "JPY"

    async def test_a_list_that_moves_to_a_group_is_taken_back(self, shop: Shop) -> None:
        await shop.manage("PutPriceList", price_list(customer_group="professionals"))
        assert await states(shop, LAMP) == [(1, {"base": "39.90"}), (2, {})]

    async def test_a_sale_is_announced_and_taken_back_in_time(self, shop: Shop) -> None:
        now = shop.harness.clock.now()
        sale = price_list("sale")
        sale.price_list.valid_from_time.FromDatetime(now + timedelta(seconds=10))
        sale.price_list.valid_to_time.FromDatetime(now + timedelta(seconds=20))
        await shop.manage("PutPriceList", sale)
        await shop.manage("SetPrices", prices("sale", {LAMP: "19.90"}))
        for _ in range(3):
            while await announce_due(shop.harness.transactions):
                pass
            shop.harness.clock.advance(10)
        assert await states(shop, LAMP) == [
            (1, {"base": "39.90"}),
            (2, {"base": "39.90", "sale": "19.90"}),
            (3, {"base": "39.90"}),
        ]


class TestPutCoupon:
    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"percent": "0"}, "coupon.percent"),
            ({"percent": "100.01"}, "coupon.percent"),
            ({"amount": money("0.00")}, "coupon.amount.amount"),
            ({"amount": money("5.001")}, "coupon.amount.amount"),
            (
                {"amount": money("5.00"), "minimum_subtotal": money("5000", "JPY")},
                "coupon.minimum_subtotal.currency",
            ),
        ],
    )
    async def test_an_effect_that_makes_no_sense_is_refused(
        self, shop: Shop, fields: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(RemoteFailure) as refused:
            await shop.manage("PutCoupon", put_coupon("BAD", **fields))
        assert [each.field for each in refused.value.violations] == [field]

    async def test_an_effect_is_needed(self, shop: Shop) -> None:
        request = pb.PutCouponRequest(coupon=price_pb2.Coupon(code="NOTHING"))
        with pytest.raises(RemoteFailure) as refused:
            await shop.manage("PutCoupon", request)
        assert [each.field for each in refused.value.violations] == ["coupon.effect"]

    async def test_what_was_put_is_listed(self, shop: Shop) -> None:
        await shop.manage("PutCoupon", put_coupon("ete-26", percent="12.50", usage_limit=9))
        await shop.manage(
            "PutCoupon",
            put_coupon("5EUROS", amount=money("5.00"), minimum_subtotal=money("50.00")),
        )
        found = await shop.manage("ListCoupons", pb.ListCouponsRequest())
        assert [(each.code, each.percent, each.amount.amount) for each in found.coupons] == [
            ("5EUROS", "", "5.00"),
            ("ETE-26", "12.5", ""),
        ]
        assert found.coupons[0].minimum_subtotal == money("50.00")
        assert found.coupons[1].usage_limit == 9


class TestPutShippingRule:
    async def test_the_threshold_is_in_the_currency_of_the_price(self, shop: Shop) -> None:
        with pytest.raises(RemoteFailure) as refused:
            await shop.manage("PutShippingRule", put_shipping_rule(free_from=money("60", "JPY")))
        assert [each.field for each in refused.value.violations] == [
            "shipping_rule.free_from.currency"
        ]
