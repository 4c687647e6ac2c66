"""Locking, unlocking and completing carts, and the coupons they use."""

import asyncio
from typing import Any

import pytest

from comptoir.cart.v1 import cart_pb2, events_pb2
from comptoir.cart.v1 import cart_service_pb2 as pb
from comptoir.orders.v1 import events_pb2 as orders_pb2
from comptoir.orders.v1 import order_pb2
from comptoir.pim.v1 import events_pb2 as pim_pb2
from comptoir_runtime.errors import RemoteFailure
from services.cart.tests.factories import (
    COFFEE,
    CUSTOMER,
    JACKET,
    LAMP,
    VISITOR,
    Shop,
    money,
    prices,
    put_coupon,
    put_shipping_rule,
)

_CHECKING_OUT = cart_pb2.Cart.STATE_CHECKING_OUT


async def used_count(shop: Shop, code: str) -> int:
    found = await shop.manage("ListCoupons", pb.ListCouponsRequest())
    return next(int(each.used_count) for each in found.coupons if each.code == code)


class TestLockForCheckout:
    async def test_the_quote_is_what_was_shown(self, shop: Shop) -> None:
        cart = await shop.ready_cart(LAMP)
        quote = await shop.lock(cart, "plc_1")
        assert (quote.fingerprint, quote.cart.state) == (cart.quote, _CHECKING_OUT)
        assert (quote.cart.totals.total, quote.shipping_tax) == (money("44.80"), money("0.82"))
        assert quote.cart.delivery.address.city == "Lyon"
        assert quote.cart == await shop.get(cart.id)

    async def test_the_same_checkout_gets_the_same_quote_whatever_changed(self, shop: Shop) -> None:
        cart = await shop.ready_cart(LAMP)
        quote = await shop.lock(cart, "plc_1")
        await shop.manage("SetPrices", prices("base", {LAMP: "1.00"}))
        shop.harness.clock.advance(60)
        before = await shop.harness.snapshot()
        assert await shop.lock(cart, "plc_1") == quote
        assert (await shop.get(cart.id)).totals == quote.cart.totals
        assert not before.changes_to(await shop.harness.snapshot())

    async def test_a_held_cart_cannot_be_changed_or_held_by_another_checkout(
        self, shop: Shop
    ) -> None:
        cart = await shop.ready_cart(LAMP)
        await shop.lock(cart, "plc_1")
        before = await shop.harness.snapshot()
        for attempt in (shop.add(cart.id, JACKET), shop.lock(cart, "plc_2")):
            with pytest.raises(RemoteFailure) as refused:
                await attempt
            assert (refused.value.reason, refused.value.metadata) == (
                "CART_NOT_OPEN",
                {"state": "CHECKING_OUT"},
            )
        assert not before.changes_to(await shop.harness.snapshot())

    async def test_another_price_than_the_one_shown_is_refused(self, shop: Shop) -> None:
        cart = await shop.ready_cart(LAMP)
        await shop.manage("SetPrices", prices("base", {LAMP: "41.00"}))
        with pytest.raises(RemoteFailure) as refused:
            await shop.lock(cart, "plc_1")
        now = await shop.get(cart.id)
        assert (refused.value.reason, refused.value.metadata) == (
            "QUOTE_CHANGED",
            {"quote": now.quote, "total": "45.90", "currency": "EUR"},
        )
        assert (now.state, now.etag) == (cart.state, cart.etag)

    async def test_a_second_tab_that_adds_a_line_makes_the_quote_unusable(self, shop: Shop) -> None:
        cart = await shop.ready_cart(LAMP)
        await shop.add(cart.id, COFFEE)
        with pytest.raises(RemoteFailure) as refused:
            await shop.lock(cart, "plc_1")
        assert refused.value.reason == "QUOTE_CHANGED"

    async def test_another_version_than_the_one_shown_is_refused(self, shop: Shop) -> None:
        cart = await shop.ready_cart(LAMP)
        now = await shop.add(cart.id, COFFEE)
        with pytest.raises(RemoteFailure) as refused:
            await shop.lock(now, "plc_1", etag=cart.etag)
        assert refused.value.reason == "STALE_ETAG"
        assert (await shop.get(cart.id)).state == cart_pb2.Cart.STATE_OPEN

    async def test_after_a_checkout_was_undone_the_same_words_are_good_again(
        self, shop: Shop
    ) -> None:
        cart = await shop.ready_cart(LAMP)
        for number in (1, 2):
            await shop.lock(cart, f"plc_{number}")
            await shop.unlock(cart.id, f"plc_{number}")
        now = await shop.get(cart.id)
        assert now.etag != cart.etag
        assert (await shop.lock(cart, "plc_3")).cart.id == cart.id

    async def test_a_change_between_undone_checkouts_makes_the_version_stale(
        self, shop: Shop
    ) -> None:
        cart = await shop.ready_cart(LAMP)
        await shop.lock(cart, "plc_1")
        await shop.unlock(cart.id, "plc_1")
        added = await shop.add(cart.id, COFFEE)
        await shop.lock(added, "plc_2")
        await shop.unlock(cart.id, "plc_2")
        with pytest.raises(RemoteFailure) as refused:
            await shop.lock(added, "plc_3", etag=cart.etag)
        assert refused.value.reason == "STALE_ETAG"
        assert (await shop.lock(added, "plc_4")).cart.id == cart.id

    @pytest.mark.parametrize("buyer", [VISITOR, "cus_somebody"])
    async def test_only_the_owner_buys(self, shop: Shop, buyer: str) -> None:
        cart = await shop.ready_cart(LAMP)
        with pytest.raises(RemoteFailure) as refused:
            await shop.lock(cart, "plc_1", buyer=buyer)
        assert refused.value.reason == "NOT_THE_BUYER"

    async def test_staff_may_buy_for_the_owner(self, shop: Shop) -> None:
        cart = await shop.ready_cart(LAMP)
        assert (await shop.lock(cart, "plc_1", buyer="")).cart.owner == CUSTOMER

    async def test_what_is_missing_is_told(self, shop: Shop) -> None:
        cart = await shop.cart()
        with pytest.raises(RemoteFailure) as refused:
            await shop.lock(cart, "plc_1")
        assert refused.value.reason == "CART_EMPTY"
        cart = await shop.add(cart.id, LAMP)
        with pytest.raises(RemoteFailure) as refused:
            await shop.lock(cart, "plc_1")
        assert refused.value.reason == "DELIVERY_MISSING"

    async def test_a_method_that_is_not_offered_any_more_has_to_be_chosen_again(
        self, shop: Shop
    ) -> None:
        cart = await shop.ready_cart(LAMP)
        await shop.manage("PutShippingRule", put_shipping_rule(countries=["BE"]))
        with pytest.raises(RemoteFailure) as refused:
            await shop.lock(await shop.get(cart.id), "plc_1")
        assert refused.value.reason == "DELIVERY_MISSING"

    async def test_withdrawn_lines_block(self, shop: Shop) -> None:
        cart = await shop.ready_cart(LAMP)
        await shop.harness.deliver(
            pim_pb2.ProductState(product_id=f"prd_{LAMP}", sku=LAMP, withdrawn=True, version=2)
        )
        with pytest.raises(RemoteFailure) as refused:
            await shop.lock(await shop.get(cart.id), "plc_1")
        assert refused.value.reason == "LINES_BLOCKED"
        (unmet,) = refused.value.preconditions
        assert (unmet.type, unmet.subject) == ("LINE_BLOCKED", cart.lines[0].id)

    async def test_two_tabs_at_once_get_one_lock(self, shop: Shop) -> None:
        cart = await shop.ready_cart(LAMP)
        results = await asyncio.gather(
            *(shop.lock(cart, f"plc_{number}") for number in range(20)), return_exceptions=True
        )
        held = [each for each in results if not isinstance(each, BaseException)]
        refused = [each.reason for each in results if isinstance(each, RemoteFailure)]
        assert (len(held), refused) == (1, ["CART_NOT_OPEN"] * 19)

    async def test_the_same_checkout_twice_at_once_gets_one_quote(self, shop: Shop) -> None:
        await shop.manage("PutCoupon", put_coupon("TEN", usage_limit=1))
        cart = await shop.ready_cart(LAMP)
        cart = await shop.apply(cart.id, "TEN")
        quotes = await asyncio.gather(*(shop.lock(cart, "plc_1") for _ in range(10)))
        assert all(quote == quotes[0] for quote in quotes)
        assert await used_count(shop, "TEN") == 1


class TestUnlock:
    async def test_the_cart_is_open_again_and_the_coupon_given_back_once(self, shop: Shop) -> None:
        await shop.manage("PutCoupon", put_coupon("ONCE", usage_limit=1))
        cart = await shop.ready_cart(LAMP)
        cart = await shop.apply(cart.id, "ONCE")
        await shop.lock(cart, "plc_1")
        assert await used_count(shop, "ONCE") == 1
        released = await asyncio.gather(*(shop.unlock(cart.id, "plc_1") for _ in range(8)))
        assert {each.state for each in released} == {cart_pb2.Cart.STATE_OPEN}
        assert await used_count(shop, "ONCE") == 0
        again = await shop.get(cart.id)
        assert again.quote == cart.quote
        assert (await shop.lock(again, "plc_2")).fingerprint == cart.quote

    async def test_another_checkout_changes_nothing(self, shop: Shop) -> None:
        cart = await shop.ready_cart(LAMP)
        quote = await shop.lock(cart, "plc_1")
        found = await shop.unlock(cart.id, "plc_2")
        assert found == quote.cart
        assert (await shop.get(cart.id)).state == _CHECKING_OUT

    async def test_a_checkout_that_is_over_cannot_lock_again(self, shop: Shop) -> None:
        cart = await shop.ready_cart(LAMP)
        await shop.lock(cart, "plc_1")
        await shop.unlock(cart.id, "plc_1")
        with pytest.raises(RemoteFailure) as refused:
            await shop.lock(cart, "plc_1")
        assert refused.value.reason == "CHECKOUT_CLOSED"

    async def test_a_lock_that_comes_after_its_unlock_is_refused(self, shop: Shop) -> None:
        cart = await shop.ready_cart(LAMP)
        await shop.unlock(cart.id, "plc_late")
        with pytest.raises(RemoteFailure) as refused:
            await shop.lock(cart, "plc_late")
        assert refused.value.reason == "CHECKOUT_CLOSED"
        assert (await shop.get(cart.id)).state == cart_pb2.Cart.STATE_OPEN


class TestCompleteCart:
    async def test_the_cart_is_ordered_and_its_coupon_redeemed(self, shop: Shop) -> None:
        await shop.manage("PutCoupon", put_coupon("TEN"))
        cart = await shop.ready_cart(JACKET)
        cart = await shop.apply(cart.id, "TEN")
        quote = await shop.lock(cart, "plc_1")
        for _ in range(2):
            found = await shop.complete(cart.id, "plc_1", "ord_1")
            assert (found.state, found.order) == (cart_pb2.Cart.STATE_ORDERED, "ord_1")
        assert found.totals == quote.cart.totals
        (ordered,) = await shop.harness.events(events_pb2.CartOrdered)
        assert (ordered.cart_id, ordered.order_id) == (cart.id, "ord_1")
        assert [(each.code, each.discount) for each in ordered.coupons] == [("TEN", money("12.90"))]
        await shop.unlock(cart.id, "plc_1")
        assert await used_count(shop, "TEN") == 1

    async def test_an_ordered_cart_never_changes(self, shop: Shop) -> None:
        cart = await shop.ready_cart(LAMP)
        await shop.lock(cart, "plc_1")
        ordered = await shop.complete(cart.id, "plc_1", "ord_1")
        await shop.manage("SetPrices", prices("base", {LAMP: "1.00"}))
        before = await shop.harness.snapshot()
        for attempt in (
            shop.add(cart.id, JACKET),
            shop.apply(cart.id, "TEN"),
            shop.lock(cart, "plc_2"),
            shop.complete(cart.id, "plc_1", "ord_2"),
        ):
            with pytest.raises(RemoteFailure) as refused:
                await attempt
            assert refused.value.reason in {"CART_NOT_OPEN", "CHECKOUT_CLOSED"}
        assert not before.changes_to(await shop.harness.snapshot())
        assert await shop.get(cart.id) == ordered

    async def test_a_cart_that_is_not_held_cannot_be_completed(self, shop: Shop) -> None:
        cart = await shop.ready_cart(LAMP)
        with pytest.raises(RemoteFailure) as refused:
            await shop.complete(cart.id, "plc_1", "ord_1")
        assert refused.value.reason == "CHECKOUT_CLOSED"

    async def test_an_order_that_was_placed_completes_its_cart(self, shop: Shop) -> None:
        cart = await shop.ready_cart(LAMP)
        await shop.lock(cart, "plc_1")
        order = order_pb2.Order(id="ord_1", cart=cart.id)
        placed = orders_pb2.OrderPlaced(order_id="ord_1", order=order, placement_id="plc_1")
        await shop.harness.deliver(placed)
        found = await shop.get(cart.id)
        assert (found.state, found.order) == (cart_pb2.Cart.STATE_ORDERED, "ord_1")

    async def test_a_till_sale_concerns_no_cart(self, shop: Shop) -> None:
        placed = orders_pb2.OrderPlaced(order_id="ord_2", order=order_pb2.Order(id="ord_2"))
        assert await shop.harness.deliver(placed)


class TestCouponLimits:
    async def carts_with(self, shop: Shop, code: str, customers: list[str]) -> list[Any]:
        found = []
        for customer in customers:
            token = shop.harness.tokens.customer(customer)
            cart = await shop.ready_cart(LAMP, token)
            found.append(await shop.apply(cart.id, code, token))
        return found

    async def test_the_last_use_goes_to_one_of_many_buyers(self, shop: Shop) -> None:
        await shop.manage("PutCoupon", put_coupon("RUSH", usage_limit=3))
        carts = await self.carts_with(shop, "RUSH", [f"cus_{number}" for number in range(25)])
        results = await asyncio.gather(
            *(shop.lock(cart, f"plc_{index}") for index, cart in enumerate(carts)),
            return_exceptions=True,
        )
        refused = [each for each in results if isinstance(each, RemoteFailure)]
        assert len(results) - len(refused) == 3
        assert {(each.reason, each.metadata["why"]) for each in refused} == {
            ("COUPON_NOT_VALID", "USED_UP")
        }
        assert await used_count(shop, "RUSH") == 3
        states = [(await shop.get(cart.id, shop.seller)).state for cart in carts]
        assert states.count(_CHECKING_OUT) == 3

    async def test_a_customer_cannot_use_it_more_often_with_many_carts(self, shop: Shop) -> None:
        await shop.manage("PutCoupon", put_coupon("MINE", usage_limit_per_customer=1))
        carts = await self.carts_with(shop, "MINE", [CUSTOMER] * 10)
        results = await asyncio.gather(
            *(shop.lock(cart, f"plc_{index}") for index, cart in enumerate(carts)),
            return_exceptions=True,
        )
        refused = [each for each in results if isinstance(each, RemoteFailure)]
        assert len(results) - len(refused) == 1
        assert {(each.reason, each.metadata["why"]) for each in refused} == {
            ("COUPON_NOT_VALID", "USED_BY_CUSTOMER")
        }
        assert await used_count(shop, "MINE") == 1

    async def test_two_coupons_in_any_order_do_not_block_each_other(self, shop: Shop) -> None:
        for code in ("FIRST", "OTHER"):
            await shop.manage("PutCoupon", put_coupon(code))
        carts = []
        for number in range(12):
            token = shop.harness.tokens.customer(f"cus_{number}")
            cart = await shop.ready_cart(LAMP, token)
            for code in ("FIRST", "OTHER") if number % 2 else ("OTHER", "FIRST"):
                cart = await shop.apply(cart.id, code, token)
            carts.append(cart)
        await asyncio.gather(*(shop.lock(cart, f"plc_{cart.id}") for cart in carts))
        assert [await used_count(shop, code) for code in ("FIRST", "OTHER")] == [12, 12]
        await asyncio.gather(*(shop.unlock(cart.id, f"plc_{cart.id}") for cart in carts))
        assert [await used_count(shop, code) for code in ("FIRST", "OTHER")] == [0, 0]

    async def test_a_coupon_that_takes_nothing_off_is_not_used(self, shop: Shop) -> None:
        waiting = put_coupon("DES50", amount=money("5.00"), minimum_subtotal=money("50.00"))
        await shop.manage("PutCoupon", waiting)
        cart = await shop.ready_cart(LAMP)
        cart = await shop.apply(cart.id, "DES50")
        await shop.lock(cart, "plc_1")
        assert await used_count(shop, "DES50") == 0

    async def test_a_limit_below_the_uses_is_refused(self, shop: Shop) -> None:
        await shop.manage("PutCoupon", put_coupon("TWICE", usage_limit=5))
        for number in range(2):
            (cart,) = await self.carts_with(shop, "TWICE", [f"cus_{number}"])
            await shop.lock(cart, f"plc_{number}")
        with pytest.raises(RemoteFailure) as refused:
            await shop.manage("PutCoupon", put_coupon("TWICE", usage_limit=1))
        assert refused.value.reason == "USAGE_LIMIT_BELOW_USES"
        changed = await shop.manage("PutCoupon", put_coupon("twice", usage_limit=2, percent="5"))
        assert (changed.code, changed.used_count, changed.percent) == ("TWICE", 2, "5")


class TestQuoteLines:
    async def quote(self, shop: Shop, *lines: tuple[str, int], **fields: str) -> Any:
        request = pb.QuoteLinesRequest(
            channel="store",
            lines=[pb.QuoteLinesRequest.Line(sku=sku, quantity=units) for sku, units in lines],
            **fields,
        )
        return await shop.harness.call("QuoteLines", request, shop.orders)

    async def test_prices_a_till_sale(self, shop: Shop) -> None:
        quote = await self.quote(shop, (LAMP, 1), (COFFEE, 2), (LAMP, 1))
        assert [(each.sku, each.quantity, each.total) for each in quote.cart.lines] == [
            (LAMP, 2, money("79.80")),
            (COFFEE, 2, money("13.80")),
        ]
        assert quote.cart.totals.total == money("93.60")
        assert (quote.cart.id, quote.cart.channel) == ("", "store")
        assert quote.fingerprint == quote.cart.quote

    async def test_an_unknown_sku_is_not_found(self, shop: Shop) -> None:
        with pytest.raises(RemoteFailure) as refused:
            await self.quote(shop, (LAMP, 1), ("GHOST", 1))
        assert (refused.value.reason, refused.value.metadata["sku"]) == (
            "PRODUCT_NOT_SOLD",
            "GHOST",
        )
