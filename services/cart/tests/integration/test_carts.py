"""Carts through the real server."""

import asyncio

import grpc
import pytest

from comptoir.cart.v1 import cart_pb2, events_pb2
from comptoir.cart.v1 import cart_service_pb2 as pb
from comptoir.pim.v1 import events_pb2 as pim_pb2
from comptoir_runtime.errors import RemoteFailure
from services.cart.tests.factories import (
    COFFEE,
    CUSTOMER,
    JACKET,
    LAMP,
    VISITOR,
    Shop,
    customer_state,
    money,
    price_list,
    prices,
    product_state,
    put_coupon,
    put_shipping_rule,
    ship_to_lyon,
)


class TestCreateCart:
    async def test_an_empty_cart_of_the_caller(self, shop: Shop) -> None:
        cart = await shop.cart(shop.visitor, channel="mobile")
        assert (cart.owner, cart.channel, cart.currency, cart.country, cart.etag) == (
            VISITOR,
            "mobile",
            "EUR",
            "FR",
            "1",
        )
        assert cart.totals.total == money("0.00")
        (created,) = await shop.harness.events(events_pb2.CartCreated)
        assert (created.cart_id, created.owner, created.channel) == (cart.id, VISITOR, "mobile")

    async def test_a_seller_names_the_customer(self, shop: Shop) -> None:
        assert (await shop.cart(shop.seller, customer=CUSTOMER)).owner == CUSTOMER
        with pytest.raises(RemoteFailure) as refused:
            await shop.cart(shop.seller)
        assert refused.value.reason == "INVALID_FIELDS"

    async def test_nobody_else_creates_a_cart_for_somebody(self, shop: Shop) -> None:
        with pytest.raises(RemoteFailure) as refused:
            await shop.cart(shop.visitor, customer=CUSTOMER)
        assert refused.value.reason == "PERMISSION_DENIED"
        assert await shop.harness.events(events_pb2.CartCreated) == []

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [({"country": "DE"}, "COUNTRY_NOT_SERVED"), ({"currency": "XXX"}, "INVALID_FIELDS")],
    )
    async def test_an_unknown_country_or_currency_is_refused(
        self, shop: Shop, fields: dict[str, str], reason: str
    ) -> None:
        with pytest.raises(RemoteFailure) as refused:
            await shop.cart(**fields)
        assert refused.value.reason == reason


class TestAddLine:
    async def test_the_whole_priced_cart_comes_back(self, shop: Shop) -> None:
        cart = await shop.cart()
        await shop.add(cart.id, JACKET)
        found = await shop.add(cart.id, COFFEE, 2, note="moulu")
        assert [(each.sku, each.name, each.quantity) for each in found.lines] == [
            (JACKET, f"{JACKET} (fr)", 1),
            (COFFEE, f"{COFFEE} (fr)", 2),
        ]
        coffee = found.lines[1]
        assert (coffee.unit_price, coffee.total, coffee.tax) == (
            money("6.90"),
            money("13.80"),
            money("0.72"),
        )
        assert (coffee.tax_rate, coffee.price_list, coffee.note) == ("5.5", "base", "moulu")
        assert found.totals.total == money("142.80")
        assert [(each.rate, each.net, each.tax) for each in found.totals.taxes] == [
            ("20", money("107.50"), money("21.50")),
            ("5.5", money("13.08"), money("0.72")),
        ]
        assert found == await shop.get(cart.id)

    async def test_a_line_of_the_same_sku_grows(self, shop: Shop) -> None:
        cart = await shop.cart()
        first = await shop.add(cart.id, LAMP, 2)
        second = await shop.add(cart.id, LAMP, 3)
        assert [(each.id, each.quantity) for each in second.lines] == [(first.lines[0].id, 5)]

    async def test_no_unit_is_lost_when_many_add_at_once(self, shop: Shop) -> None:
        cart = await shop.cart()
        await asyncio.gather(*(shop.add(cart.id, LAMP) for _ in range(20)))
        found = await shop.get(cart.id)
        assert ([each.quantity for each in found.lines], found.etag) == ([20], "21")

    async def test_lines_that_were_waited_for_have_their_price(self, shop: Shop) -> None:
        cart = await shop.cart()
        answers = await asyncio.gather(*(shop.add(cart.id, sku) for sku in (LAMP, JACKET, COFFEE)))
        whole = max(answers, key=lambda each: int(each.etag))
        assert [line.notice for line in whole.lines] == [0, 0, 0]
        assert whole == await shop.get(cart.id)

    async def test_what_the_channel_does_not_sell_is_not_found(self, shop: Shop) -> None:
        await shop.harness.deliver(product_state("STORE-ONLY", channels=["store"]))
        await shop.manage("SetPrices", prices("base", {"STORE-ONLY": "5.00"}))
        cart = await shop.cart()
        before = await shop.harness.snapshot()
        for sku, why in (("STORE-ONLY", "WITHDRAWN"), ("GHOST", "WITHDRAWN")):
            with pytest.raises(RemoteFailure) as refused:
                await shop.add(cart.id, sku)
            assert refused.value.status is grpc.StatusCode.NOT_FOUND
            assert refused.value.reason == "PRODUCT_NOT_SOLD"
            assert refused.value.metadata == {"sku": sku, "channel": "web", "why": why}
        assert not before.changes_to(await shop.harness.snapshot())
        found = await shop.add(cart.id, "STORE-ONLY", channel="store")
        assert (found.channel, found.totals.total) == ("store", money("5.00"))

    async def test_more_than_the_limit_is_refused_with_the_limit(self, shop: Shop) -> None:
        cart = await shop.cart()
        await shop.add(cart.id, LAMP, 9_999)
        with pytest.raises(RemoteFailure) as refused:
            await shop.add(cart.id, LAMP)
        assert (refused.value.reason, refused.value.metadata) == (
            "QUANTITY_ABOVE_LIMIT",
            {"limit": "9999"},
        )

    async def test_each_change_is_a_new_version(self, shop: Shop) -> None:
        cart = await shop.cart()
        await shop.add(cart.id, LAMP, etag="1")
        with pytest.raises(RemoteFailure) as refused:
            await shop.add(cart.id, LAMP, etag="1")
        assert (refused.value.status, refused.value.reason) == (
            grpc.StatusCode.ABORTED,
            "STALE_ETAG",
        )
        assert (await shop.get(cart.id)).lines[0].quantity == 1

    async def test_a_foreign_cart_is_refused_and_an_unknown_one_not_found(self, shop: Shop) -> None:
        cart = await shop.cart()
        for cart_id, reason in ((cart.id, "PERMISSION_DENIED"), ("crt_x", "CART_NOT_FOUND")):
            with pytest.raises(RemoteFailure) as refused:
                await shop.add(cart_id, LAMP, token=shop.visitor)
            assert refused.value.reason == reason


class TestLines:
    async def test_a_quantity_is_set_and_a_line_removed(self, shop: Shop) -> None:
        cart = await shop.cart()
        added = await shop.add(cart.id, LAMP)
        request = pb.SetQuantityRequest(cart=cart.id, line=added.lines[0].id, quantity=4)
        found = await shop.harness.call("SetQuantity", request, shop.customer)
        assert (found.lines[0].quantity, found.totals.total) == (4, money("159.60"))
        removal = pb.RemoveLineRequest(cart=cart.id, line=added.lines[0].id)
        found = await shop.harness.call("RemoveLine", removal, shop.customer)
        assert (list(found.lines), found.totals.total) == ([], money("0.00"))

    async def test_a_withdrawn_product_stays_visible(self, shop: Shop) -> None:
        cart = await shop.cart()
        await shop.add(cart.id, LAMP)
        withdrawn = pim_pb2.ProductState(
            product_id=f"prd_{LAMP}", sku=LAMP, withdrawn=True, version=2
        )
        await shop.harness.deliver(withdrawn)
        (found,) = (await shop.get(cart.id)).lines
        assert found.notice == cart_pb2.CartLine.NOTICE_WITHDRAWN
        assert (found.name, found.total) == (f"{LAMP} (fr)", money("0.00"))
        await shop.harness.deliver(product_state(LAMP, version=1))
        assert (await shop.get(cart.id)).lines[0].notice == cart_pb2.CartLine.NOTICE_WITHDRAWN


class TestPriceGroups:
    async def test_a_cart_has_the_prices_of_its_owner_whoever_looks(self, shop: Shop) -> None:
        await shop.manage("PutPriceList", price_list("pro", customer_group="professionals"))
        await shop.manage("SetPrices", prices("pro", {LAMP: "30.00"}))
        cart = await shop.cart()
        await shop.add(cart.id, LAMP)
        assert (await shop.get(cart.id)).totals.total == money("39.90")
        await shop.harness.deliver(customer_state(CUSTOMER, "professionals"))
        for token in (shop.customer, shop.seller):
            found = await shop.get(cart.id, token)
            assert (found.totals.total, found.lines[0].price_list) == (money("30.00"), "pro")


class TestDelivery:
    async def test_shipping_is_free_from_a_value(self, shop: Shop) -> None:
        cart = await shop.cart()
        await shop.add(cart.id, LAMP)
        found = await shop.deliver(cart.id)
        assert (found.totals.shipping, found.totals.total) == (money("4.90"), money("44.80"))
        found = await shop.add(cart.id, LAMP)
        assert (found.totals.shipping, found.totals.total) == (money("0.00"), money("79.80"))

    async def test_methods_with_their_prices_for_the_cart(self, shop: Shop) -> None:
        await shop.manage(
            "PutShippingRule", put_shipping_rule("express", price=money("9.90"), position=2)
        )
        await shop.manage(
            "PutShippingRule",
            put_shipping_rule(
                "pick_up", price=money("0.00"), mode=cart_pb2.Delivery.MODE_PICK_UP, position=3
            ),
        )
        await shop.manage("PutShippingRule", put_shipping_rule("paketpost", countries=["DE"]))
        cart = await shop.cart()
        await shop.add(cart.id, LAMP)
        request = pb.ListShippingMethodsRequest(cart=cart.id)
        found = await shop.harness.call("ListShippingMethods", request, shop.customer)
        assert [(each.code, each.name, each.price) for each in found.methods] == [
            ("standard", "standard (fr)", money("4.90")),
            ("express", "express (fr)", money("9.90")),
            ("pick_up", "pick_up (fr)", money("0.00")),
        ]
        assert found.methods[0].free_from == money("60.00")
        assert not found.methods[1].HasField("free_from")

    @pytest.mark.parametrize(
        ("changes", "reason", "field"),
        [
            ({"shipping_method": "drone"}, "SHIPPING_METHOD_NOT_OFFERED", ""),
            ({"mode": cart_pb2.Delivery.MODE_PICK_UP}, "INVALID_FIELDS", "delivery.location"),
        ],
    )
    async def test_an_impossible_delivery_is_refused(
        self, shop: Shop, changes: dict[str, object], reason: str, field: str
    ) -> None:
        cart = await shop.cart()
        delivery = ship_to_lyon()
        for name, value in changes.items():
            setattr(delivery, name, value)
        request = pb.SetDeliveryRequest(cart=cart.id, delivery=delivery)
        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call("SetDelivery", request, shop.customer)
        assert refused.value.reason == reason
        assert [each.field for each in refused.value.violations] == ([field] if field else [])
        assert not (await shop.get(cart.id)).HasField("delivery")

    async def test_an_address_abroad_is_not_served(self, shop: Shop) -> None:
        cart = await shop.cart()
        delivery = ship_to_lyon()
        delivery.address.country = "DE"
        request = pb.SetDeliveryRequest(cart=cart.id, delivery=delivery)
        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call("SetDelivery", request, shop.customer)
        assert (refused.value.reason, refused.value.metadata) == (
            "COUNTRY_NOT_SERVED",
            {"country": "DE"},
        )


class TestCouponsOnCarts:
    async def test_percent_and_amount(self, shop: Shop) -> None:
        await shop.manage("PutCoupon", put_coupon("BIENVENUE10"))
        await shop.manage("PutCoupon", put_coupon("5EUROS", amount=money("5.00")))
        cart = await shop.cart()
        await shop.add(cart.id, JACKET)
        await shop.apply(cart.id, "ｂｉｅｎｖｅｎｕｅ10")
        await shop.apply(cart.id, "bienvenue\u200b10")
        found = await shop.apply(cart.id, "bienvenue10")
        assert [(each.code, each.discount) for each in found.coupons] == [
            ("BIENVENUE10", money("12.90"))
        ]
        found = await shop.apply(cart.id, "5euros")
        assert (found.totals.discount, found.totals.total) == (money("17.90"), money("111.10"))
        request = pb.RemoveCouponRequest(cart=cart.id, code="Bienvenue10")
        found = await shop.harness.call("RemoveCoupon", request, shop.customer)
        assert found.totals.total == money("124.00")
        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call("RemoveCoupon", request, shop.customer)
        assert refused.value.reason == "COUPON_NOT_FOUND"

    async def test_one_that_cannot_count_is_refused_with_the_reason(self, shop: Shop) -> None:
        over = put_coupon("OVER")
        over.coupon.valid_to_time.FromDatetime(shop.harness.clock.now())
        await shop.manage("PutCoupon", over)
        cart = await shop.cart()
        before = await shop.harness.snapshot()
        for code, why in (("OVER", "EXPIRED"), ("NEVER-WAS", "UNKNOWN")):
            with pytest.raises(RemoteFailure) as refused:
                await shop.apply(cart.id, code)
            assert (refused.value.reason, refused.value.metadata) == (
                "COUPON_NOT_VALID",
                {"code": code, "why": why},
            )
        assert not before.changes_to(await shop.harness.snapshot())

    async def test_below_its_minimum_it_waits(self, shop: Shop) -> None:
        waiting = put_coupon("DES50", amount=money("5.00"), minimum_subtotal=money("50.00"))
        await shop.manage("PutCoupon", waiting)
        cart = await shop.cart()
        await shop.add(cart.id, LAMP)
        found = await shop.apply(cart.id, "DES50")
        assert (found.coupons[0].discount, found.coupons[0].reason) == (
            money("0.00"),
            "MINIMUM_NOT_REACHED",
        )
        found = await shop.add(cart.id, LAMP)
        assert (found.coupons[0].discount, found.coupons[0].reason) == (money("5.00"), "")
