"""Money without cents and money with thousandths: shown, paid, taken and given back as one sum."""

from decimal import Decimal
from functools import partial

import pytest

from comptoir_local.demo.api import Json
from comptoir_local.demo.cast import STORE
from comptoir_local.demo.play import poll
from tests.journeys.shop import SHIPPED, Shop, ok, refused
from tests.journeys.stage import JOURNEY

pytestmark = JOURNEY


async def sold_in(shop: Shop, currency: str, price: str, shipping: str) -> tuple[str, str, Json]:
    """Two skus with a price in a currency, kept in different places; how they can be sent."""
    price_list = {"code": currency, "currency": currency, "taxIncluded": True}
    await shop.admin.put(f"/v1/priceLists/{currency}", {"priceList": price_list})
    skus = await shop.goods(), await shop.goods(place=STORE)
    prices = [{"sku": sku, "amount": money(currency, price)} for sku in skus]
    await shop.admin.post(f"/v1/priceLists/{currency}/prices", {"prices": prices})
    rule = {"code": f"to_{currency}", "mode": "MODE_SHIP", "price": money(currency, shipping)}
    await shop.admin.put(f"/v1/shippingRules/{rule['code']}", {"shippingRule": rule})
    return *skus, {"delivery": {**SHIPPED["delivery"], "shippingMethod": rule["code"]}}


def money(currency: str, amount: str) -> Json:
    return {"currency": currency, "amount": amount}


def total(parts: list[Json]) -> Decimal:
    return sum((Decimal(part["amount"]) for part in parts), Decimal())


@pytest.mark.parametrize(
    ("currency", "price", "shipping", "a_part", "too_fine"),
    [("JPY", "334", "500", "101", "100.5"), ("KWD", "1.115", "0.755", "0.101", "0.1005")],
)
async def test_discounts_parcels_and_refunds_add_up(
    shop: Shop, currency: str, price: str, shipping: str, a_part: str, too_fine: str
) -> None:
    """M6: a third off three units, two parcels, each taken as it leaves, given back in parts."""
    first, second, delivery = await sold_in(shop, currency, price, shipping)
    visitor, code = await shop.visitor(), await shop.coupon(percent="33")
    cart = await visitor.post("/v1/carts", {"channel": "web", "currency": currency})
    path = f"/v1/carts/{cart['id']}"
    await visitor.post(f"{path}/lines", {"sku": first, "quantity": 2})
    await visitor.post(f"{path}/lines", {"sku": second, "quantity": 1})
    await visitor.post(f"{path}/coupons", {"code": code})
    cart = await visitor.put(f"{path}/delivery", delivery)
    owed = cart["totals"]["total"]
    parts = [*(line["total"] for line in cart["lines"]), cart["totals"]["shipping"]]
    assert total(parts) == total([owed])

    placed = ok(await visitor.place(cart))
    path = f"/v1/orders/{placed['order']}"
    order = await visitor.get(path)
    parcels = order["fulfilments"]
    assert len(parcels) == 2
    assert order["totals"]["total"] == placed["total"] == owed
    assert total([parcel["amount"] for parcel in parcels]) == total([owed])

    for parcel in parcels:
        await shop.admin.post(f"/v1/fulfilments/{parcel['id']}:ship", {"carrier": "colissimo"})
    order = await poll(partial(visitor.get, path), lambda answer: answer.get("captured") == owed)
    assert order["captured"] == owed

    path = f"/v1/payments/{order['payments'][0]}:refund"
    part = {"amount": money(currency, too_fine)}
    refused(await shop.admin.send("POST", path, body=part), 400, field="amount.amount")
    await shop.admin.post(path, {"amount": money(currency, a_part)})
    assert (await shop.admin.post(path, {}))["refundedAmount"] == owed
    books = await shop.admin.get(f"/v1/ledger:trialBalance?currency={currency}")
    assert total([books["sum"]]) == 0
    assert books["sum"]["currency"] == currency
    assert books["accounts"]
