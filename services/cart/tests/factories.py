"""Values and messages for tests: a small French shop, unless a test says otherwise."""

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from importlib import resources
from typing import Any
from uuid import uuid4

from comptoir.cart.v1 import cart_pb2, price_pb2
from comptoir.cart.v1 import cart_service_pb2 as pb
from comptoir.customers.v1 import events_pb2 as customers_pb2
from comptoir.pim.v1 import events_pb2 as pim_pb2
from comptoir.pim.v1 import product_pb2
from comptoir.type.v1.address_pb2 import Address as AddressMessage
from comptoir.type.v1.localised_text_pb2 import LocalisedText
from comptoir.type.v1.money_pb2 import Money
from comptoir_cart.domain.carts import Address, Cart, Delivery, Line, Mode, State
from comptoir_cart.domain.prices import ListedPrice
from comptoir_cart.domain.pricing import Market, Product, Rules
from comptoir_cart.domain.promotions import Coupon
from comptoir_cart.domain.shipping import ShippingRule
from comptoir_cart.policies import taxes
from comptoir_cart.policies.promotions import EFFECTS
from comptoir_testing.harness import ServiceHarness

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
VAT = taxes.TaxTable.from_csv(resources.files(taxes).joinpath("vat.csv").read_text())
RULES = Rules(taxes=VAT, effects=EFFECTS)

JACKET, COFFEE, LAMP = "CLO-BRUME-NAV-M", "HOM-MOKA", "HOM-SOLSTICE"
CUSTOMER, VISITOR = "cus_marie", "vis_marie"


# --- values --------------------------------------------------------------------------------------


def line(sku: str, quantity: int = 1, note: str = "") -> Line:
    return Line(f"lin_{sku}", sku, quantity, note)


def cart(*lines: Line, **changes: Any) -> Cart:
    values: dict[str, Any] = {
        "id": "crt_test",
        "version": 1,
        "state": State.OPEN,
        "channel": "web",
        "currency": "EUR",
        "country": "FR",
        "owner": CUSTOMER,
        "lines": lines,
        "coupons": (),
        "delivery": None,
        "created_at": NOW,
        "updated_at": NOW,
        **changes,
    }
    return Cart(**values)


def listed(sku: str, amount: int, **changes: Any) -> ListedPrice:
    values: dict[str, Any] = {
        "min_quantity": 1,
        "price_list": "base",
        "tax_included": True,
        "for_group": False,
        "for_channel": False,
        "priority": 0,
        **changes,
    }
    return ListedPrice(sku=sku, amount=amount, **values)


def percent(code: str, hundredths: int, **changes: Any) -> Coupon:
    return coupon(code, "percent", hundredths, "", **changes)


def amount(code: str, minor: int, currency: str = "EUR", **changes: Any) -> Coupon:
    return coupon(code, "amount", minor, currency, **changes)


def coupon(code: str, effect: str, value: int, currency: str, **changes: Any) -> Coupon:
    return Coupon(code=code, effect=effect, value=value, currency=currency, label={}, **changes)


def shipping_rule(code: str = "standard", price: int = 490, **changes: Any) -> ShippingRule:
    values: dict[str, Any] = {
        "name": {"fr_FR": "Livraison"},
        "mode": Mode.SHIP,
        "countries": (),
        "currency": "EUR",
        "free_from": None,
        "position": 1,
        **changes,
    }
    return ShippingRule(code=code, price=price, **values)


def market(
    prices: Sequence[ListedPrice] = (),
    *,
    tax_classes: dict[str, str] | None = None,
    unsold: Sequence[str] = (),
    coupons: Sequence[Coupon] = (),
    shipping_rules: Sequence[ShippingRule] = (),
) -> Market:
    """A market where every sku with a price is sold, at the standard rate unless said otherwise."""
    classes = tax_classes or {}
    by_sku: dict[str, list[ListedPrice]] = {}
    for price in prices:
        by_sku.setdefault(price.sku, []).append(price)
    known = [*by_sku, *(sku for sku in classes if sku not in by_sku)]
    return Market(
        now=NOW,
        products={
            sku: Product(
                f"prd_{sku}", sku, {"fr_FR": sku}, classes.get(sku, "standard"), sku not in unsold
            )
            for sku in known
        },
        prices=by_sku,
        coupons={each.code: each for each in coupons},
        shipping_rules=tuple(shipping_rules),
    )


ADDRESS = Address("Marie Curie", ("12 rue Mercière",), "69002", "Lyon", "FR")


def shipped(method: str = "standard") -> Delivery:
    return Delivery(Mode.SHIP, ADDRESS, "", method)


# --- messages ------------------------------------------------------------------------------------


def money(text: str, currency: str = "EUR") -> Money:
    return Money(currency=currency, amount=text)


def unique(prefix: str = "req") -> str:
    return f"{prefix}-{uuid4().hex}"


def product_state(
    sku: str, *, tax_class: str = "standard", version: int = 1, channels: Sequence[str] = ()
) -> pim_pb2.ProductState:
    return pim_pb2.ProductState(
        product_id=f"prd_{sku}",
        sku=sku,
        version=version,
        product=product_pb2.ProductDocument(
            sku=sku,
            product_id=f"prd_{sku}",
            tax_class=tax_class,
            name=LocalisedText(texts={"fr_FR": f"{sku} (fr)", "en_GB": f"{sku} (en)"}),
            channels=channels or ["web", "mobile", "store"],
        ),
    )


def customer_state(customer: str, group: str, version: int = 1) -> customers_pb2.CustomerState:
    return customers_pb2.CustomerState(customer_id=customer, group=group, version=version)


def price_list(code: str = "base", **changes: Any) -> pb.PutPriceListRequest:
    values: dict[str, Any] = {"currency": "EUR", "tax_included": True, **changes}
    return pb.PutPriceListRequest(price_list=price_pb2.PriceList(code=code, **values))


def prices(code: str, amounts: dict[str, str], currency: str = "EUR") -> pb.SetPricesRequest:
    return pb.SetPricesRequest(
        price_list=code,
        prices=[
            price_pb2.Price(sku=sku, amount=money(text, currency)) for sku, text in amounts.items()
        ],
    )


def put_coupon(code: str, **changes: Any) -> pb.PutCouponRequest:
    values = changes if {"percent", "amount"} & changes.keys() else {"percent": "10", **changes}
    return pb.PutCouponRequest(coupon=price_pb2.Coupon(code=code, **values))


def put_shipping_rule(code: str = "standard", **changes: Any) -> pb.PutShippingRuleRequest:
    values: dict[str, Any] = {
        "name": LocalisedText(texts={"fr_FR": f"{code} (fr)", "en_GB": f"{code} (en)"}),
        "mode": cart_pb2.Delivery.MODE_SHIP,
        "price": money("4.90"),
        "position": 1,
        **changes,
    }
    return pb.PutShippingRuleRequest(shipping_rule=price_pb2.ShippingRule(code=code, **values))


def ship_to_lyon(method: str = "standard") -> cart_pb2.Delivery:
    return cart_pb2.Delivery(
        mode=cart_pb2.Delivery.MODE_SHIP,
        address=AddressMessage(
            recipient="Marie Curie",
            lines=["12 rue Mercière"],
            postal_code="69002",
            city="Lyon",
            country="FR",
        ),
        shipping_method=method,
    )


class Shop:
    """A service with three products on sale, and calls to it in short."""

    def __init__(self, harness: ServiceHarness) -> None:
        self.harness = harness
        self.merchant = harness.tokens.staff("prices.write", "promotions.write")
        self.seller = harness.tokens.staff("carts.assist", subject="stf_seller")
        self.customer = harness.tokens.customer(CUSTOMER)
        self.visitor = harness.tokens.visitor(VISITOR)
        self.signed_in = harness.tokens.customer(CUSTOMER, visitor=VISITOR)
        self.orders = harness.tokens.service("orders")

    @classmethod
    async def opened(cls, harness: ServiceHarness) -> "Shop":
        shop = cls(harness)
        for sku, tax_class in ((JACKET, "standard"), (COFFEE, "reduced"), (LAMP, "standard")):
            await harness.deliver(product_state(sku, tax_class=tax_class))
        await shop.manage("PutPriceList", price_list())
        amounts = {JACKET: "129.00", COFFEE: "6.90", LAMP: "39.90"}
        await shop.manage("SetPrices", prices("base", amounts))
        await shop.manage("PutShippingRule", put_shipping_rule(free_from=money("60.00")))
        return shop

    async def manage(self, name: str, request: Any) -> Any:
        """A call by the merchant."""
        return await self.harness.call(name, request, self.merchant)

    async def cart(self, token: str | None = None, **fields: str) -> Any:
        """A new cart, of the customer unless said otherwise."""
        return await self.harness.call(
            "CreateCart", pb.CreateCartRequest(**fields), token or self.customer
        )

    async def add(
        self, cart_id: str, sku: str, quantity: int = 1, token: str | None = None, **fields: str
    ) -> Any:
        request = pb.AddLineRequest(cart=cart_id, sku=sku, quantity=quantity, **fields)
        return await self.harness.call("AddLine", request, token or self.customer)

    async def get(self, cart_id: str, token: str | None = None) -> Any:
        return await self.harness.call(
            "GetCart", pb.GetCartRequest(cart=cart_id), token or self.customer
        )

    async def apply(self, cart_id: str, code: str, token: str | None = None) -> Any:
        request = pb.ApplyCouponRequest(cart=cart_id, code=code)
        return await self.harness.call("ApplyCoupon", request, token or self.customer)

    async def deliver(self, cart_id: str, token: str | None = None) -> Any:
        request = pb.SetDeliveryRequest(cart=cart_id, delivery=ship_to_lyon())
        return await self.harness.call("SetDelivery", request, token or self.customer)

    async def ready_cart(self, sku: str = JACKET, token: str | None = None) -> Any:
        """A cart that can be ordered."""
        created = await self.cart(token)
        await self.add(created.id, sku, token=token)
        return await self.deliver(created.id, token)

    async def lock(self, cart: Any, checkout: str, **changes: str) -> Any:
        """Locks a cart for its owner at the price of its quote."""
        fields = {"quote": cart.quote, "buyer": cart.owner, **changes}
        request = pb.LockForCheckoutRequest(cart=cart.id, checkout=checkout, **fields)
        return await self.harness.call("LockForCheckout", request, self.orders)

    def watch(self, cart_id: str, token: str | None = None) -> AsyncGenerator[Any, None]:
        """The cart now and after each change; to be closed."""
        request = pb.WatchCartRequest(cart=cart_id)
        return self.harness.watch("WatchCart", request, token or self.customer)

    async def unlock(self, cart_id: str, checkout: str) -> Any:
        request = pb.UnlockRequest(cart=cart_id, checkout=checkout)
        return await self.harness.call("Unlock", request, self.orders)

    async def complete(self, cart_id: str, checkout: str, order: str) -> Any:
        request = pb.CompleteCartRequest(cart=cart_id, checkout=checkout, order=order)
        return await self.harness.call("CompleteCart", request, self.orders)
