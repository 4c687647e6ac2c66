"""Carts that change hands, follow their owner, and are watched."""

import asyncio
from contextlib import aclosing

import pytest

from comptoir.cart.v1 import cart_pb2, events_pb2
from comptoir.cart.v1 import cart_service_pb2 as pb
from comptoir_runtime.errors import RemoteFailure
from services.cart.tests.factories import (
    COFFEE,
    CUSTOMER,
    JACKET,
    LAMP,
    VISITOR,
    Shop,
    money,
    unique,
)


class TestMergeCarts:
    async def merge(self, shop: Shop, cart_id: str, token: str | None = None) -> cart_pb2.Cart:
        request = pb.MergeCartsRequest(cart=cart_id, request_id=unique())
        found: cart_pb2.Cart = await shop.harness.call(
            "MergeCarts", request, token or shop.signed_in
        )
        return found

    async def test_a_cart_changes_hands_when_the_customer_has_none(self, shop: Shop) -> None:
        theirs = await shop.cart(shop.visitor)
        await shop.add(theirs.id, LAMP, token=shop.visitor)
        found = await self.merge(shop, theirs.id)
        assert (found.id, found.owner, found.lines[0].quantity) == (theirs.id, CUSTOMER, 1)
        (claimed,) = await shop.harness.events(events_pb2.CartClaimed)
        assert (claimed.cart_id, claimed.owner, claimed.former_owner, claimed.merged_cart_id) == (
            theirs.id,
            CUSTOMER,
            VISITOR,
            "",
        )

    async def test_lines_go_into_the_open_cart_of_the_customer(self, shop: Shop) -> None:
        ours = await shop.cart()
        await shop.add(ours.id, LAMP, 3)
        await shop.add(ours.id, JACKET)
        theirs = await shop.cart(shop.visitor)
        await shop.add(theirs.id, LAMP, 2, shop.visitor)
        await shop.add(theirs.id, COFFEE, 4, shop.visitor)
        for _ in range(2):
            found = await self.merge(shop, theirs.id)
            assert (found.id, {each.sku: each.quantity for each in found.lines}) == (
                ours.id,
                {LAMP: 3, JACKET: 1, COFFEE: 4},
            )
        gone = await shop.get(theirs.id, shop.visitor)
        assert gone.state == cart_pb2.Cart.STATE_MERGED
        (claimed,) = await shop.harness.events(events_pb2.CartClaimed)
        assert (claimed.cart_id, claimed.merged_cart_id) == (ours.id, theirs.id)

    async def test_p6_what_is_added_meanwhile_is_neither_lost_nor_doubled(self, shop: Shop) -> None:
        theirs = await shop.cart(shop.visitor)
        await shop.add(theirs.id, LAMP, token=shop.visitor)

        added, merged = await asyncio.gather(
            asyncio.gather(
                *(shop.add(theirs.id, LAMP, token=shop.visitor) for _ in range(8)),
                return_exceptions=True,
            ),
            asyncio.gather(*(self.merge(shop, theirs.id) for _ in range(4))),
        )

        refused = [each for each in added if isinstance(each, BaseException)]
        assert {type(each) for each in refused} <= {RemoteFailure}
        assert {each.id for each in merged} == {theirs.id}
        (line,) = (await shop.get(theirs.id, shop.signed_in)).lines
        assert line.quantity == 1 + 8 - len(refused)

    async def test_at_once_on_two_devices_it_happens_once(self, shop: Shop) -> None:
        ours = await shop.cart()
        theirs = await shop.cart(shop.visitor)
        await shop.add(theirs.id, LAMP, 2, shop.visitor)
        found = await asyncio.gather(*(self.merge(shop, theirs.id) for _ in range(10)))
        assert {each.id for each in found} == {ours.id}
        assert [each.quantity for each in (await shop.get(ours.id)).lines] == [2]
        assert len(await shop.harness.events(events_pb2.CartClaimed)) == 1

    async def test_a_merged_cart_takes_no_more_lines(self, shop: Shop) -> None:
        await shop.cart()
        theirs = await shop.cart(shop.visitor)
        await self.merge(shop, theirs.id)
        with pytest.raises(RemoteFailure) as refused:
            await shop.add(theirs.id, LAMP, token=shop.visitor)
        assert (refused.value.reason, refused.value.metadata) == (
            "CART_NOT_OPEN",
            {"state": "MERGED"},
        )

    async def test_the_cart_of_another_visitor_is_refused(self, shop: Shop) -> None:
        foreign = await shop.cart(shop.harness.tokens.visitor("vis_somebody"))
        before = await shop.harness.snapshot()
        for token in (shop.signed_in, shop.customer, shop.visitor):
            with pytest.raises(RemoteFailure) as refused:
                await self.merge(shop, foreign.id, token)
            assert refused.value.reason == "PERMISSION_DENIED"
        assert not before.changes_to(await shop.harness.snapshot())


class TestListCarts:
    async def test_last_changed_first_and_by_state(self, shop: Shop) -> None:
        carts = []
        for _ in range(3):
            carts.append(await shop.cart())
            shop.harness.clock.advance(1)
        await shop.add(carts[0].id, LAMP)
        found = await shop.harness.call("ListCarts", pb.ListCartsRequest(), shop.customer)
        assert [each.id for each in found.carts] == [carts[0].id, carts[2].id, carts[1].id]
        assert found.carts[0].totals.total == money("39.90")
        ordered = pb.ListCartsRequest(state=cart_pb2.Cart.STATE_ORDERED)
        found = await shop.harness.call("ListCarts", ordered, shop.customer)
        assert list(found.carts) == []

    async def test_a_seller_sees_those_of_the_customer_they_name(self, shop: Shop) -> None:
        cart = await shop.cart()
        request = pb.ListCartsRequest(customer=CUSTOMER)
        found = await shop.harness.call("ListCarts", request, shop.seller)
        assert [each.id for each in found.carts] == [cart.id]
        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call("ListCarts", request, shop.visitor)
        assert refused.value.reason == "PERMISSION_DENIED"


class TestWatchCart:
    async def test_the_phone_sees_what_the_seller_adds(self, shop: Shop) -> None:
        cart = await shop.cart()
        async with aclosing(shop.watch(cart.id)) as seen:
            assert (await anext(seen)).etag == "1"
            await shop.add(cart.id, LAMP, token=shop.seller)
            found = await anext(seen)
            assert (found.etag, found.lines[0].sku) == ("2", LAMP)

    async def test_a_foreign_cart_cannot_be_watched(self, shop: Shop) -> None:
        cart = await shop.cart()
        with pytest.raises(RemoteFailure) as refused:
            await anext(shop.watch(cart.id, shop.visitor))
        assert refused.value.reason == "PERMISSION_DENIED"
