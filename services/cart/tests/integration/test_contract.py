"""What every service owes its callers."""

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
from google.protobuf.message import Message

from comptoir.cart.v1 import cart_service_pb2 as pb
from comptoir.customers.v1 import events_pb2 as customers_pb2
from comptoir.orders.v1 import events_pb2 as orders_pb2
from comptoir.orders.v1 import order_pb2
from comptoir.pim.v1 import events_pb2 as pim_pb2
from comptoir_runtime import migrations
from comptoir_runtime.auth import SigningKey, public_jwk
from comptoir_testing.examples import Example
from comptoir_testing.harness import ServiceHarness
from comptoir_testing.suites import (
    AuthorisationSuite,
    EtagSuite,
    IdempotencySuite,
    PagingSuite,
    RedeliverySuite,
)
from comptoir_testing.suites.redelivery import MakeEvent
from comptoir_testing.tokens import TokenFactory
from services.cart.tests.factories import (
    CUSTOMER,
    JACKET,
    VISITOR,
    Shop,
    customer_state,
    price_list,
    prices,
    product_state,
    put_coupon,
    put_shipping_rule,
    ship_to_lyon,
    unique,
)


def _customer(tokens: TokenFactory) -> str:
    return tokens.customer(CUSTOMER)


def _signed_in(tokens: TokenFactory) -> str:
    return tokens.customer(CUSTOMER, visitor=VISITOR)


def _merchant(tokens: TokenFactory) -> str:
    return tokens.staff("prices.write", "promotions.write")


def _orders(tokens: TokenFactory) -> str:
    return tokens.service("orders")


async def _filled(harness: ServiceHarness) -> Any:
    shop = await Shop.opened(harness)
    return await shop.ready_cart()


async def _add_line(harness: ServiceHarness) -> pb.AddLineRequest:
    cart = await _filled(harness)
    return pb.AddLineRequest(cart=cart.id, sku=JACKET, quantity=2, request_id=unique())


async def _set_quantity(harness: ServiceHarness) -> pb.SetQuantityRequest:
    cart = await _filled(harness)
    return pb.SetQuantityRequest(
        cart=cart.id, line=cart.lines[0].id, quantity=3, request_id=unique()
    )


async def _remove_line(harness: ServiceHarness) -> pb.RemoveLineRequest:
    cart = await _filled(harness)
    return pb.RemoveLineRequest(cart=cart.id, line=cart.lines[0].id, request_id=unique())


async def _apply_coupon(harness: ServiceHarness) -> pb.ApplyCouponRequest:
    cart = await _filled(harness)
    await Shop(harness).manage("PutCoupon", put_coupon("BIENVENUE10"))
    return pb.ApplyCouponRequest(cart=cart.id, code="BIENVENUE10", request_id=unique())


async def _remove_coupon(harness: ServiceHarness) -> pb.RemoveCouponRequest:
    request = await _apply_coupon(harness)
    await Shop(harness).apply(request.cart, request.code)
    return pb.RemoveCouponRequest(cart=request.cart, code=request.code, request_id=unique())


async def _set_delivery(harness: ServiceHarness) -> pb.SetDeliveryRequest:
    cart = await _filled(harness)
    return pb.SetDeliveryRequest(cart=cart.id, delivery=ship_to_lyon(), request_id=unique())


async def _merge(harness: ServiceHarness) -> pb.MergeCartsRequest:
    shop = await Shop.opened(harness)
    cart = await shop.cart(shop.visitor)
    await shop.add(cart.id, JACKET, token=shop.visitor)
    return pb.MergeCartsRequest(cart=cart.id, request_id=unique())


async def _lock(harness: ServiceHarness) -> pb.LockForCheckoutRequest:
    cart = await _filled(harness)
    return pb.LockForCheckoutRequest(
        cart=cart.id, checkout="plc_example", quote=cart.quote, buyer=CUSTOMER
    )


async def _locked(harness: ServiceHarness) -> str:
    cart = await _filled(harness)
    await Shop(harness).lock(cart, "plc_example")
    return str(cart.id)


async def _unlock(harness: ServiceHarness) -> pb.UnlockRequest:
    return pb.UnlockRequest(cart=await _locked(harness), checkout="plc_example")


async def _complete(harness: ServiceHarness) -> pb.CompleteCartRequest:
    return pb.CompleteCartRequest(
        cart=await _locked(harness), checkout="plc_example", order="ord_example"
    )


async def _quote_lines(harness: ServiceHarness) -> pb.QuoteLinesRequest:
    await Shop.opened(harness)
    return pb.QuoteLinesRequest(
        channel="store", lines=[pb.QuoteLinesRequest.Line(sku=JACKET, quantity=1)]
    )


async def _get(harness: ServiceHarness) -> pb.GetCartRequest:
    return pb.GetCartRequest(cart=(await _filled(harness)).id)


async def _watch(harness: ServiceHarness) -> pb.WatchCartRequest:
    return pb.WatchCartRequest(cart=(await _filled(harness)).id)


async def _list_carts(harness: ServiceHarness) -> pb.ListCartsRequest:
    shop = await Shop.opened(harness)
    for _ in range(3):
        await shop.cart()
        harness.clock.advance(1)
    return pb.ListCartsRequest()


async def _methods(harness: ServiceHarness) -> pb.ListShippingMethodsRequest:
    return pb.ListShippingMethodsRequest(cart=(await _filled(harness)).id)


async def _set_prices(harness: ServiceHarness) -> pb.SetPricesRequest:
    await Shop.opened(harness)
    request = prices("base", {JACKET: "99.00"})
    request.request_id = unique()
    return request


async def _list_price_lists(harness: ServiceHarness) -> pb.ListPriceListsRequest:
    for code in ("base", "mobile_app", "summer"):
        await Shop(harness).manage("PutPriceList", price_list(code))
    return pb.ListPriceListsRequest()


async def _list_coupons(harness: ServiceHarness) -> pb.ListCouponsRequest:
    for code in ("BIENVENUE10", "ETE26", "NOEL26"):
        await Shop(harness).manage("PutCoupon", put_coupon(code))
    return pb.ListCouponsRequest()


def _keyed(request: Any) -> Any:
    request.request_id = unique()
    return request


EXAMPLES = {
    "GetPrices": Example(lambda _: pb.GetPricesRequest(skus=[JACKET])),
    "CreateCart": Example(
        lambda _: pb.CreateCartRequest(request_id=unique()),
        token=_customer,
        names_owned_thing=False,
    ),
    "GetCart": Example(_get, token=_customer),
    "ListCarts": Example(_list_carts, token=_customer, names_owned_thing=False),
    "WatchCart": Example(_watch, token=_customer),
    "AddLine": Example(_add_line, token=_customer),
    "SetQuantity": Example(_set_quantity, token=_customer),
    "RemoveLine": Example(_remove_line, token=_customer),
    "ApplyCoupon": Example(_apply_coupon, token=_customer),
    "RemoveCoupon": Example(_remove_coupon, token=_customer),
    "SetDelivery": Example(_set_delivery, token=_customer),
    "ListShippingMethods": Example(_methods, token=_customer),
    "MergeCarts": Example(_merge, token=_signed_in),
    "LockForCheckout": Example(_lock, token=_orders),
    "Unlock": Example(_unlock, token=_orders),
    "CompleteCart": Example(_complete, token=_orders),
    "QuoteLines": Example(_quote_lines, token=_orders),
    "PutPriceList": Example(lambda _: _keyed(price_list("summer")), token=_merchant),
    "ListPriceLists": Example(_list_price_lists, token=_merchant),
    "SetPrices": Example(_set_prices, token=_merchant),
    "PutCoupon": Example(lambda _: _keyed(put_coupon("NOEL26")), token=_merchant),
    "ListCoupons": Example(_list_coupons, token=_merchant),
    "PutShippingRule": Example(lambda _: _keyed(put_shipping_rule()), token=_merchant),
}


class TestAuthorisation(AuthorisationSuite):
    examples = EXAMPLES


class TestIdempotency(IdempotencySuite):
    examples = EXAMPLES


class TestPaging(PagingSuite):
    examples = EXAMPLES


class TestEtag(EtagSuite):
    examples = EXAMPLES


async def _order_placed(harness: ServiceHarness) -> orders_pb2.OrderPlaced:
    return orders_pb2.OrderPlaced(
        order_id="ord_example",
        order=order_pb2.Order(id="ord_example", cart=await _locked(harness)),
        placement_id="plc_example",
    )


def _signing_key(_: ServiceHarness) -> customers_pb2.SigningKeyState:
    key = SigningKey.generate("key-of-today")
    return customers_pb2.SigningKeyState(
        kid="key-of-today", jwk=orjson.dumps(public_jwk(key)).decode()
    )


class TestRedelivery(RedeliverySuite):
    events: ClassVar[Mapping[type[Message], MakeEvent]] = {
        pim_pb2.ProductState: lambda _: product_state(JACKET),
        customers_pb2.CustomerState: lambda _: customer_state(CUSTOMER, "professionals"),
        customers_pb2.SigningKeyState: _signing_key,
        orders_pb2.OrderPlaced: _order_placed,
    }


class TestMigrations:
    def test_tables_and_database_are_the_same(self, database_url: str) -> None:
        migrations.check("comptoir_cart", database_url)
