"""Honest syntax, dishonest intent: the rules of money, stock and versions hold, through HTTP.

The numbers in the names are those of the catalogue of bad input that the design keeps.
"""

import asyncio
from decimal import Decimal

from comptoir_local.demo.api import Json
from comptoir_local.demo.play import poll
from tests.journeys.shop import CARD_3DS, COLLECTED, Person, Shop, ok, order_of, refused
from tests.journeys.stage import JOURNEY

pytestmark = JOURNEY


async def settled(person: Person, placement: Json) -> Json:
    """A placement once it has ended."""
    return await poll(
        lambda: person.get(f"/v1/placements/{placement['id']}"),
        lambda answer: answer["state"] in ("STATE_PLACED", "STATE_FAILED"),
    )


class TestStock:
    async def test_25_lines_of_one_sku_grow_together_and_cannot_pass_the_stock(
        self, shop: Shop
    ) -> None:
        visitor, sku = await shop.visitor(), await shop.goods(units=3)
        cart = await visitor.cart(sku, sku, sku, sku)

        (line,) = cart["lines"]
        assert line["quantity"] == 4
        async with shop.nothing_charged():
            problem = refused(await visitor.place(cart), 409, "OUT_OF_STOCK")
        assert sku in str(problem)
        assert await shop.available(sku) == 3
        again = await visitor.get(f"/v1/carts/{cart['id']}")
        assert again["state"] == "STATE_OPEN"

    async def test_34_two_buyers_of_the_last_unit(self, shop: Shop) -> None:
        sku = await shop.goods(units=1)
        buyers = [await shop.visitor() for _ in range(8)]
        carts = [await buyer.cart(sku) for buyer in buyers]

        answers = await asyncio.gather(
            *(buyer.place(cart) for buyer, cart in zip(buyers, carts, strict=True))
        )

        assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
        for answer in answers:
            if not answer.is_success:
                refused(answer, 409, "OUT_OF_STOCK")
        assert await shop.available(sku) == 0


class TestPaymentUnderWay:
    async def test_28_a_cart_cannot_change_once_its_payment_has_begun(self, shop: Shop) -> None:
        """28, M7: what is authorised is what was shown; no second tab can come between."""
        visitor, sku, other = await shop.visitor(), await shop.goods(), await shop.goods()
        cart = await visitor.cart(sku)
        path = f"/v1/carts/{cart['id']}"
        placement = ok(await visitor.place(cart, token=CARD_3DS))
        assert placement["state"] == "STATE_AWAITING_PAYMENT"

        added = await visitor.send("POST", f"{path}/lines", body={"sku": other, "quantity": 1})
        removed = await visitor.send("DELETE", f"{path}/lines/{cart['lines'][0]['id']}")
        second = await visitor.place(cart)

        refused(added, added.status_code, "CART_NOT_OPEN")
        refused(removed, removed.status_code, "CART_NOT_OPEN")
        assert 400 <= second.status_code < 500
        refused(second, second.status_code)
        await shop.provider.pass_challenge(placement["nextAction"]["redirectUrl"])
        placement = await settled(visitor, placement)
        assert placement["state"] == "STATE_PLACED"
        order = await visitor.get(f"/v1/orders/{placement['order']}")
        assert order["totals"]["total"] == cart["totals"]["total"]
        assert [line["sku"] for line in order["lines"]] == [sku]
        assert await shop.available(other) == 10

    async def test_43_what_is_not_paid_is_no_order_and_cannot_be_shipped(self, shop: Shop) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        placement = ok(await visitor.place(await visitor.cart(sku), token=CARD_3DS))

        order = await visitor.send("GET", f"/v1/orders/{placement['order']}")
        parcels = await shop.admin.get(f"/v1/fulfilments?order={placement['order']}")
        payment = placement["nextAction"]["payment"]
        confirmed = await visitor.send("POST", f"/v1/payments/{payment}:confirm", body={})

        refused(order, 404, "ORDER_NOT_FOUND")
        assert parcels["fulfilments"] == []
        assert not confirmed.is_success or confirmed.json()["state"] != "STATE_AUTHORISED"
        assert confirmed.status_code < 500


class TestStepsLeftOut:
    async def test_43_an_empty_cart_and_one_without_delivery_are_no_order(self, shop: Shop) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        empty = await visitor.post("/v1/carts", {})
        bare = await visitor.post("/v1/carts", {})
        bare = await visitor.post(f"/v1/carts/{bare['id']}/lines", {"sku": sku, "quantity": 1})

        async with shop.nothing_charged():
            refused(await visitor.place(empty), 409, "CART_EMPTY")
            refused(await visitor.place(bare), 409, "DELIVERY_MISSING")
        assert await shop.available(sku) == 10

    async def test_43_an_order_without_a_payment_is_refused(self, shop: Shop) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        body = order_of(await visitor.cart(sku))
        del body["payment"]

        async with shop.nothing_charged():
            answer = await visitor.send("POST", "/v1/orders", body=body)

            refused(answer, 400, "INVALID_FIELDS", "payment")
        assert await shop.available(sku) == 10

    async def test_43_a_parcel_ships_once(self, shop: Shop) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        placed = ok(await visitor.place(await visitor.cart(sku)))
        (parcel,) = (await visitor.get(f"/v1/orders/{placed['order']}"))["fulfilments"]
        path, body = f"/v1/fulfilments/{parcel['id']}:ship", {"carrier": "colissimo"}
        ok(await shop.admin.send("POST", path, body=body))

        refused(await shop.admin.send("POST", path, body=body), 409, "FULFILMENT_NOT_SHIPPABLE")
        cancel = await visitor.send("POST", f"/v1/orders/{placed['order']}:cancel", body={})

        refused(cancel, 409, "ORDER_NOT_CANCELLABLE")


class TestAmounts:
    async def test_39_an_order_that_costs_nothing_asks_nobody_for_money(self, shop: Shop) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        code = await shop.coupon(percent="100")
        shelf = [{"sku": sku, "location": "store_lyon", "quantity": 1}]
        await shop.admin.post("/v1/stock:count", {"lines": shelf, "reference": "test"})
        cart = await visitor.cart(sku, delivery=COLLECTED)
        cart = await visitor.post(f"/v1/carts/{cart['id']}/coupons", {"code": code})
        assert cart["totals"]["total"]["amount"] == "0.00"

        async with shop.nothing_charged():
            placed = ok(await visitor.place(cart))

        assert placed["state"] == "STATE_PLACED"
        order = await visitor.get(f"/v1/orders/{placed['order']}")
        assert order["totals"]["total"]["amount"] == "0.00"
        assert order["payments"] == []

    async def test_40_net_prices_are_paid_with_their_tax_on_top(self, shop: Shop) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        net = {"code": "net", "currency": "EUR", "taxIncluded": False, "channel": "web"}
        await shop.admin.put("/v1/priceLists/net", {"priceList": net})
        price = {"sku": sku, "amount": {"currency": "EUR", "amount": "99.99"}}
        await shop.admin.post("/v1/priceLists/net/prices", {"prices": [price]})

        cart = await visitor.cart(sku, quantity=3)
        totals = cart["totals"]
        assert (totals["subtotal"]["amount"], totals["tax"]["amount"]) == ("299.97", "59.99")
        assert totals["total"]["amount"] == "359.96"
        placed = ok(await visitor.place(cart))

        assert (placed["state"], placed["total"]) == ("STATE_PLACED", totals["total"])
        order = await visitor.get(f"/v1/orders/{placed['order']}")
        assert order["totals"]["subtotal"]["amount"] == "299.97"
        assert order["lines"][0]["total"]["amount"] == "359.96"
        assert order["fulfilments"][0]["amount"]["amount"] == "359.96"

    async def test_39_a_discount_larger_than_the_goods_leaves_only_the_shipping(
        self, shop: Shop
    ) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        await shop.set_price(sku, "12.00")
        code = await shop.coupon(amount={"currency": "EUR", "amount": "1000.00"})
        cart = await visitor.cart(sku)
        cart = await visitor.post(f"/v1/carts/{cart['id']}/coupons", {"code": code})

        assert cart["totals"]["subtotal"]["amount"] == "12.00"
        assert cart["totals"]["discount"]["amount"] == "12.00"
        assert cart["totals"]["total"] == cart["totals"]["shipping"]
        assert Decimal(cart["totals"]["total"]["amount"]) > 0
        placed = ok(await visitor.place(cart))
        assert placed["total"] == cart["totals"]["shipping"]

    async def test_40_a_quarter_off_ten_at_23_90_is_179_25_and_refunds_as_179_25(
        self, shop: Shop
    ) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        await shop.set_price(sku, "23.90")
        cart = await visitor.cart(sku, quantity=10)
        code = await shop.coupon(percent="25")
        cart = await visitor.post(f"/v1/carts/{cart['id']}/coupons", {"code": code})
        assert cart["lines"][0]["total"]["amount"] == "179.25"
        assert cart["lines"][0]["tax"]["amount"] == "29.88"
        assert cart["totals"]["total"]["amount"] == "179.25"

        placed = ok(await visitor.place(cart))
        (parcel,) = (await visitor.get(f"/v1/orders/{placed['order']}"))["fulfilments"]
        await shop.admin.post(f"/v1/fulfilments/{parcel['id']}:ship", {"carrier": "colissimo"})
        order = await poll(
            lambda: visitor.get(f"/v1/orders/{placed['order']}"),
            lambda answer: answer["captured"]["amount"] == "179.25",
        )
        (payment,) = order["payments"]
        refund = f"/v1/payments/{payment}:refund"

        cent_too_much = {"amount": {"currency": "EUR", "amount": "179.26"}}
        refused(
            await shop.admin.send("POST", refund, body=cent_too_much), 409, "REFUND_EXCEEDS_CAPTURE"
        )
        for part in ("59.75", "59.75", "59.75"):
            await shop.admin.post(refund, {"amount": {"currency": "EUR", "amount": part}})
        one_cent = {"amount": {"currency": "EUR", "amount": "0.01"}}
        refused(await shop.admin.send("POST", refund, body=one_cent), 409, "REFUND_EXCEEDS_CAPTURE")
        paid = await shop.admin.get(f"/v1/payments/{payment}")
        assert paid["capturedAmount"]["amount"] == "179.25"
        assert paid["refundedAmount"]["amount"] == "179.25"


class TestQuotes:
    async def test_41_a_price_that_changed_is_shown_before_it_is_paid(self, shop: Shop) -> None:
        """41, P3: nobody pays another amount than the one shown."""
        visitor, sku = await shop.visitor(), await shop.goods()
        await shop.set_price(sku, "80.00")
        shown = await visitor.cart(sku)
        await shop.set_price(sku, "90.00")

        async with shop.nothing_charged():
            refused(await visitor.place(shown), 409, "QUOTE_CHANGED")

        assert await shop.available(sku) == 10
        now = await visitor.get(f"/v1/carts/{shown['id']}")
        assert now["quote"] != shown["quote"]
        placed = ok(await visitor.place(now))
        assert placed["total"]["amount"] == "90.00"

    async def test_41_a_product_that_is_withdrawn_blocks_the_checkout(self, shop: Shop) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        cart = await visitor.cart(sku)
        body = {"channel": "web", "skus": [sku]}
        await shop.admin.post("/v1/catalogue/products:withdraw", body)
        now = await poll(
            lambda: visitor.get(f"/v1/carts/{cart['id']}"),
            lambda answer: answer["lines"][0]["notice"] == "NOTICE_WITHDRAWN",
        )

        async with shop.nothing_charged():
            old, new = await visitor.place(cart), await visitor.place(now)

        assert old.json()["reason"] in ("QUOTE_CHANGED", "LINES_BLOCKED")
        refused(old, 409)
        refused(new, 409, "LINES_BLOCKED")
        assert await shop.available(sku) == 10
        await shop.admin.post("/v1/catalogue/products:publish", body)


class TestVersions:
    async def test_44_of_two_who_change_one_cart_the_second_is_told(self, shop: Shop) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        cart = await visitor.cart(sku)
        path = f"/v1/carts/{cart['id']}/lines/{cart['lines'][0]['id']}"
        version = {"If-Match": f'"{cart["etag"]}"'}
        ok(await visitor.send("PATCH", path, body={"quantity": 2}, headers=version))

        late = await visitor.send("PATCH", path, body={"quantity": 5}, headers=version)

        refused(late, 412, "STALE_ETAG")
        now = await visitor.get(f"/v1/carts/{cart['id']}")
        assert now["lines"][0]["quantity"] == 2

    async def test_44_of_two_who_change_one_order_the_second_is_told(self, shop: Shop) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        placed = ok(await visitor.place(await visitor.cart(sku)))
        order = await visitor.get(f"/v1/orders/{placed['order']}")
        (parcel,) = order["fulfilments"]
        version = {"If-Match": f'"{order["etag"]}"'}
        await shop.admin.post(f"/v1/fulfilments/{parcel['id']}:ship", {"carrier": "colissimo"})

        late = await shop.admin.send(
            "POST", f"/v1/orders/{order['id']}:cancel", body={}, headers=version
        )

        assert late.status_code in (409, 412)
        refused(late, late.status_code)
        now = await visitor.get(f"/v1/orders/{order['id']}")
        assert now["state"] == "STATE_FULFILLED"

    async def test_44_two_at_once_ship_one_parcel_once(self, shop: Shop) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        placed = ok(await visitor.place(await visitor.cart(sku)))
        order = await visitor.get(f"/v1/orders/{placed['order']}")
        (parcel,) = order["fulfilments"]
        version = {"If-Match": f'"{parcel["etag"]}"'}
        path = f"/v1/fulfilments/{parcel['id']}:ship"

        answers = await asyncio.gather(
            *(
                shop.admin.send("POST", path, body={"carrier": carrier}, headers=version)
                for carrier in ("colissimo", "chronopost")
            )
        )

        (won,) = [answer for answer in answers if answer.is_success]
        (lost,) = [answer for answer in answers if not answer.is_success]
        assert lost.status_code in (409, 412)
        refused(lost, lost.status_code)
        now = await visitor.get(f"/v1/orders/{order['id']}")
        assert now["fulfilments"][0]["carrier"] == won.json()["carrier"]
