"""The procedures: a message in, one call, a message out."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from comptoir.cart.v1 import cart_pb2, price_pb2
from comptoir.cart.v1 import cart_service_pb2 as pb
from comptoir_cart.convert import carts as to_carts
from comptoir_cart.convert import prices as to_prices
from comptoir_cart.domain.carts import DEFAULT_CURRENCY, State
from comptoir_cart.domain.pricing import Rules
from comptoir_cart.operations import carts, checkouts, merchandising, prices
from comptoir_runtime import paging
from comptoir_runtime.bus import Bus
from comptoir_runtime.rpc import Call, query, step, stream


class CartServicer:
    """Answers for `comptoir.cart.v1.CartService`."""

    def __init__(self, rules: Rules, bus: Bus, default_locale: str) -> None:
        self._rules = rules
        self._bus = bus
        self._default_locale = default_locale

    # --- carts ---------------------------------------------------------------------------------

    @step
    async def CreateCart(self, request: pb.CreateCartRequest, call: Call) -> cart_pb2.Cart:
        priced = await carts.create_cart(
            call.session,
            self._rules,
            call.principal,
            channel=request.channel,
            currency=request.currency,
            country=request.country,
            customer=request.customer,
        )
        return to_carts.cart_to(priced, self._locales(call))

    @query
    async def GetCart(self, request: pb.GetCartRequest, call: Call) -> cart_pb2.Cart:
        priced = await carts.get_cart(call.session, self._rules, call.principal, request.cart)
        return to_carts.cart_to(priced, self._locales(call))

    @query
    async def ListCarts(self, request: pb.ListCartsRequest, call: Call) -> pb.ListCartsResponse:
        page = paging.parse(request, paging.Moment, default=20)
        found = await carts.list_carts(
            call.session,
            self._rules,
            call.principal,
            customer=request.customer,
            state=State(request.state) if request.state else None,
            after=page.after,
            limit=page.limit,
        )
        shown, token = page.cut(found, carts.position)
        return pb.ListCartsResponse(
            carts=to_carts.carts_to(shown, self._locales(call)), next_page_token=token
        )

    @stream
    async def WatchCart(
        self, request: pb.WatchCartRequest, call: Call
    ) -> AsyncIterator[cart_pb2.Cart]:
        watching = carts.watch_cart(
            call.transactions, self._bus, self._rules, call.principal, request.cart
        )
        async with aclosing(watching) as changes:
            async for priced in changes:
                yield to_carts.cart_to(priced, self._locales(call))

    @step
    async def AddLine(self, request: pb.AddLineRequest, call: Call) -> cart_pb2.Cart:
        priced = await carts.add_line(
            call.session,
            self._rules,
            call.principal,
            request.cart,
            request.etag,
            sku=request.sku,
            quantity=request.quantity,
            note=request.note,
            channel=request.channel,
        )
        return to_carts.cart_to(priced, self._locales(call))

    @step
    async def SetQuantity(self, request: pb.SetQuantityRequest, call: Call) -> cart_pb2.Cart:
        priced = await carts.set_quantity(
            call.session,
            self._rules,
            call.principal,
            request.cart,
            request.etag,
            line=request.line,
            quantity=request.quantity,
        )
        return to_carts.cart_to(priced, self._locales(call))

    @step
    async def RemoveLine(self, request: pb.RemoveLineRequest, call: Call) -> cart_pb2.Cart:
        priced = await carts.remove_line(
            call.session,
            self._rules,
            call.principal,
            request.cart,
            request.etag,
            line=request.line,
        )
        return to_carts.cart_to(priced, self._locales(call))

    @step
    async def ApplyCoupon(self, request: pb.ApplyCouponRequest, call: Call) -> cart_pb2.Cart:
        priced = await carts.apply_coupon(
            call.session,
            self._rules,
            call.principal,
            request.cart,
            request.etag,
            code=request.code,
        )
        return to_carts.cart_to(priced, self._locales(call))

    @step
    async def RemoveCoupon(self, request: pb.RemoveCouponRequest, call: Call) -> cart_pb2.Cart:
        priced = await carts.remove_coupon(
            call.session,
            self._rules,
            call.principal,
            request.cart,
            request.etag,
            code=request.code,
        )
        return to_carts.cart_to(priced, self._locales(call))

    @step
    async def SetDelivery(self, request: pb.SetDeliveryRequest, call: Call) -> cart_pb2.Cart:
        priced = await carts.set_delivery(
            call.session,
            self._rules,
            call.principal,
            request.cart,
            request.etag,
            to_carts.delivery_from(request.delivery),
        )
        return to_carts.cart_to(priced, self._locales(call))

    @query
    async def ListShippingMethods(
        self, request: pb.ListShippingMethodsRequest, call: Call
    ) -> pb.ListShippingMethodsResponse:
        cart, methods = await carts.list_shipping_methods(
            call.session, self._rules, call.principal, request.cart
        )
        return pb.ListShippingMethodsResponse(
            methods=to_carts.methods_to(cart, methods, self._locales(call))
        )

    @step
    async def MergeCarts(self, request: pb.MergeCartsRequest, call: Call) -> cart_pb2.Cart:
        priced = await carts.merge_carts(call.session, self._rules, call.principal, request.cart)
        return to_carts.cart_to(priced, self._locales(call))

    # --- checkout ------------------------------------------------------------------------------

    @step
    async def LockForCheckout(
        self, request: pb.LockForCheckoutRequest, call: Call
    ) -> cart_pb2.Quote:
        quote = await checkouts.lock_for_checkout(
            call.session,
            self._rules,
            request.cart,
            request.checkout,
            version=request.etag,
            shown=request.quote,
            buyer=request.buyer,
        )
        return to_carts.quote_to(quote, self._locales(call))

    @step
    async def Unlock(self, request: pb.UnlockRequest, call: Call) -> cart_pb2.Cart:
        priced = await checkouts.unlock(call.session, self._rules, request.cart, request.checkout)
        return to_carts.cart_to(priced, self._locales(call))

    @step
    async def CompleteCart(self, request: pb.CompleteCartRequest, call: Call) -> cart_pb2.Cart:
        priced = await checkouts.complete_cart(
            call.session, request.cart, request.checkout, request.order
        )
        return to_carts.cart_to(priced, self._locales(call))

    @query
    async def QuoteLines(self, request: pb.QuoteLinesRequest, call: Call) -> cart_pb2.Quote:
        quote = await checkouts.quote_lines(
            call.session,
            self._rules,
            tuple((line.sku, line.quantity) for line in request.lines),
            channel=request.channel,
            currency=request.currency,
            country=request.country,
            customer=request.customer,
        )
        return to_carts.quote_to(quote, self._locales(call))

    # --- prices, coupons, shipping rules -------------------------------------------------------

    @query
    async def GetPrices(self, request: pb.GetPricesRequest, call: Call) -> pb.GetPricesResponse:
        currency = request.currency or DEFAULT_CURRENCY
        found = await prices.get_prices(
            call.session,
            call.principal,
            request.skus,
            channel=request.channel,
            currency=currency,
        )
        return pb.GetPricesResponse(
            prices=[to_prices.resolved_to(price, currency) for price in found]
        )

    @step
    async def PutPriceList(
        self, request: pb.PutPriceListRequest, call: Call
    ) -> price_pb2.PriceList:
        price_list = to_prices.price_list_from(request.price_list)
        return to_prices.price_list_to(await prices.put_price_list(call.session, price_list))

    @query
    async def ListPriceLists(
        self, request: pb.ListPriceListsRequest, call: Call
    ) -> pb.ListPriceListsResponse:
        page = paging.parse(request, paging.Name)
        (after,) = page.after or ("",)
        found = await prices.list_price_lists(call.session, after, page.limit)
        shown, token = page.cut(found, lambda price_list: paging.Name(price_list.code))
        return pb.ListPriceListsResponse(
            price_lists=map(to_prices.price_list_to, shown), next_page_token=token
        )

    @step
    async def SetPrices(self, request: pb.SetPricesRequest, call: Call) -> pb.SetPricesResponse:
        given = to_prices.prices_from(request.prices)
        changed = await prices.set_prices(call.session, request.price_list, given)
        return pb.SetPricesResponse(changed_count=changed)

    @step
    async def PutCoupon(self, request: pb.PutCouponRequest, call: Call) -> price_pb2.Coupon:
        coupon = to_prices.coupon_from(request.coupon)
        return to_prices.coupon_to(await merchandising.put_coupon(call.session, coupon))

    @query
    async def ListCoupons(
        self, request: pb.ListCouponsRequest, call: Call
    ) -> pb.ListCouponsResponse:
        page = paging.parse(request, paging.Name)
        (after,) = page.after or ("",)
        found = await merchandising.list_coupons(call.session, after, page.limit)
        shown, token = page.cut(found, lambda coupon: paging.Name(coupon.code))
        return pb.ListCouponsResponse(
            coupons=map(to_prices.coupon_to, shown), next_page_token=token
        )

    @step
    async def PutShippingRule(
        self, request: pb.PutShippingRuleRequest, call: Call
    ) -> price_pb2.ShippingRule:
        rule = to_prices.rule_from(request.shipping_rule)
        return to_prices.rule_to(await merchandising.put_shipping_rule(call.session, rule))

    def _locales(self, call: Call) -> Sequence[str]:
        return (call.locale, self._default_locale) if call.locale else (self._default_locale,)
