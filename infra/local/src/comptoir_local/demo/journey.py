"""The customer's journey, scene by scene, as frontends would live it.

Each scene is one function that takes the play so far and leaves in it what later scenes
need. The journey test runs the same scenes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal

from comptoir_local.demo import cast
from comptoir_local.demo.api import Json, Refused
from comptoir_local.demo.play import Play, cents, parcel_from, poll, stocked
from comptoir_local.demo.provider import CARD_NEEDING_3DS, ORDINARY_CARD, captured_by_payment
from comptoir_local.demo.story import Step, expect

Scene = Callable[[Play, Step], Awaitable[None]]


async def set_the_stage(play: Play, step: Step) -> None:
    """A seller gets an account; the store counts its shelf, so that the demo can run twice."""
    admin = await play.staff(play.stage.administrator)
    seller = cast.newcomer("vendeuse")
    await admin.post(
        "/v1/staff",
        {
            "email": seller.email,
            "password": seller.password,
            "name": "Vendeuse de Lyon",
            "permissions": cast.SELLER_PERMISSIONS,
            "location": cast.STORE,
        },
    )
    play.admin = admin
    play.seller = await play.staff(seller)
    shelf = [(cast.LAST_JACKET, 1), (cast.SHOES, 9)]
    lines = [{"sku": sku, "location": cast.STORE, "quantity": units} for sku, units in shelf]
    counted = await play.seller.post("/v1/stock:count", {"lines": lines, "reference": "demo"})
    await play.admin.post(
        "/v1/stock:receive",
        {
            "lines": [
                {"sku": cast.RAINCOAT, "location": cast.WAREHOUSE, "quantity": 5},
                {"sku": cast.COFFEE, "location": cast.WAREHOUSE, "quantity": 5},
            ],
            "reference": "demo",
        },
    )
    figures = {entry["sku"]: entry["available"] for entry in counted["availability"]}
    expect(figures[cast.LAST_JACKET] == 1, f"one jacket should be left, not {figures}")
    step.saw(f"one {cast.LAST_JACKET} is left in the whole network, in {cast.STORE}")


async def browse(play: Play, step: Step) -> None:
    """An anonymous visitor looks around on the web, in French."""
    play.shopper = await play.visitor()
    page = await play.shopper.get(
        "/v1/pages/catalogue", channel="web", locale="fr_FR", category="master", pageSize=20
    )
    items = page["items"]
    expect(len(items) == 20, f"a catalogue page should hold 20 products, not {len(items)}")
    priced = [item for item in items if item.get("price", {}).get("amount")]
    expect(len(priced) == 20, f"{20 - len(priced)} products of the page have no price")
    first = items[0]
    step.saw(
        f"20 products, the first: {first['product']['name']}, {euros(first['price']['amount'])}"
    )


async def look_at_a_product(play: Play, step: Step) -> None:
    """The product page tells the price and the stock near Lyon."""
    # The goods came in a moment ago, and the news of it may still be on its way.
    page = await poll(lambda: play.product_page(cast.RAINCOAT), lambda page: stocked(page) > 0)
    expect(page["availability"]["available"] > 0, f"{cast.RAINCOAT} should be in stock")
    expect(not page.get("degraded"), f"parts of the page are missing: {page.get('degraded')}")
    nearest = page["stores"][0]
    expect(nearest["location"] == cast.STORE, f"the nearest store should be in Lyon, not {nearest}")
    step.saw(
        f"{page['product']['name']}: {euros(page['price']['amount'])}, "
        f"{page['availability']['available']} in stock, nearest store {nearest['name']}"
    )


async def fill_the_cart(play: Play, step: Step) -> None:
    """On the phone, in the morning: two products in the cart."""
    play.cart = await play.shopper.post("/v1/carts", {"channel": "mobile"})
    for sku in (cast.RAINCOAT, cast.SHOES):
        play.cart = await play.shopper.post(
            f"/v1/carts/{play.cart['id']}/lines",
            {"sku": sku, "quantity": 1},
            etag=play.cart["etag"],
        )
    expect(len(play.cart["lines"]) == 2, "the cart should have two lines")
    step.saw(f"cart {play.cart['id']}: {euros(play.cart['totals']['total'])}")


async def sign_in(play: Play, step: Step) -> None:
    """The visitor registers and signs in; the cart follows."""
    play.customer = cast.newcomer("cliente")
    await play.shopper.post(
        "/v1/customers", {"email": play.customer.email, "password": play.customer.password}
    )
    cart = play.cart["id"]
    play.shopper = await play.sign_in(play.customer)
    play.cart = await play.shopper.post(f"/v1/carts/{cart}:merge")
    expect(play.cart["id"] == cart, "the customer should go on with the visitor's cart")
    expect(len(play.cart["lines"]) == 2, "no line may be lost at sign-in")
    me = await play.shopper.get("/v1/customers/me")
    expect(play.cart["owner"] == me["id"], "the cart should belong to the customer")
    play.customer_id = me["id"]
    step.saw(f"customer {me['number']} owns the cart")


async def seller_adds_one_more(play: Play, step: Step) -> None:
    """In the store, at noon: a seller adds a product, the phone sees it at once."""
    path = f"/v1/carts/{play.cart['id']}"
    async with play.shopper.watch(f"{path}:watch") as changes:
        before = await asyncio.wait_for(anext(changes), 5)
        expect(len(before["lines"]) == 2, "the phone should first see the cart as it is")
        started = time.perf_counter()
        seen = asyncio.ensure_future(anext(changes))
        in_store = await play.seller.get(path)
        await play.seller.post(
            f"{path}/lines",
            {"sku": cast.COFFEE, "quantity": 1, "channel": "store"},
            etag=in_store["etag"],
        )
        play.cart = await asyncio.wait_for(seen, 5)
    elapsed = (time.perf_counter() - started) * 1000
    skus = [line["sku"] for line in play.cart["lines"]]
    expect(cast.COFFEE in skus, f"the phone should see the seller's line, not {skus}")
    step.saw(f"the phone saw the third line {elapsed:.0f} ms after the seller opened the cart")


async def use_a_coupon(play: Play, step: Step) -> None:
    """A coupon takes ten percent off the goods."""
    before = cents(play.cart["totals"]["total"])
    play.cart = await play.shopper.post(
        f"/v1/carts/{play.cart['id']}/coupons", {"code": cast.COUPON.lower()}
    )
    totals = play.cart["totals"]
    lines = sum(cents(line["total"]) for line in play.cart["lines"])
    shipping = cents(totals.get("shipping", {"amount": "0"}))
    expect(cents(totals["discount"]) > 0, "the coupon should take something off")
    expect(lines + shipping == cents(totals["total"]), "lines and shipping must sum to the total")
    step.saw(f"{before / 100:.2f} → {euros(totals['total'])} with {cast.COUPON}")


async def choose_delivery(play: Play, step: Step) -> None:
    """The customer has it shipped home; the checkout page shows what can be chosen."""
    cart = play.cart["id"]
    play.cart = await play.shopper.put(
        f"/v1/carts/{cart}/delivery",
        {"delivery": {"mode": "MODE_SHIP", "address": cast.HOME, "shippingMethod": "standard"}},
    )
    page = await play.shopper.get(f"/v1/pages/checkout/{cart}")
    expect(not page.get("degraded"), f"parts of the page are missing: {page.get('degraded')}")
    methods = [method["code"] for method in page["paymentMethods"]]
    expect("card" in methods, f"cards should be accepted, not only {methods}")
    expect(page["cart"]["quote"] == play.cart["quote"], "the page must show the cart's quote")
    step.saw(f"pay by {', '.join(methods)}; to pay {euros(play.cart['totals']['total'])}")


async def place_the_order(play: Play, step: Step) -> None:
    """On the tablet, at night: checkout with 3-D Secure."""
    play.stock_before = await play.availability(play.skus_in_cart())
    placement = await play.place(play.cart, await play.provider.tokenise(CARD_NEEDING_3DS))
    state = placement["state"]
    expect(state == "STATE_AWAITING_PAYMENT", f"3-D Secure should be asked for, not {state}")
    await play.provider.pass_challenge(placement["nextAction"]["redirectUrl"])
    placement = await play.until_settled(placement)
    expect(placement["state"] == "STATE_PLACED", f"the order should stand: {placement}")
    play.order = await play.shopper.get(f"/v1/orders/{placement['order']}")
    step.saw(f"order {play.order['number']}: {euros(play.order['totals']['total'])}")


async def two_parcels(play: Play, step: Step) -> None:
    """The goods come from two places."""
    parcels = play.order["fulfilments"]
    places = sorted(parcel["location"] for parcel in parcels)
    expect(places == sorted([cast.STORE, cast.WAREHOUSE]), f"two parcels expected, not {places}")
    amounts = sum(cents(parcel["amount"]) for parcel in parcels)
    expect(amounts == cents(play.order["totals"]["total"]), "parcels must sum to the order")
    for parcel in parcels:
        skus = ", ".join(line["sku"] for line in parcel["lines"])
        step.saw(f"{parcel['location']}: {skus} ({euros(parcel['amount'])})")


async def stock_has_fallen(play: Play, step: Step) -> None:
    """Every channel sees the same, lower stock."""
    for line in play.order["lines"]:
        sku, left = line["sku"], play.stock_before[line["sku"]] - line["quantity"]
        now = (await play.availability([sku]))[sku]
        expect(now == left, f"{sku}: {left} should be available, not {now}")
        for channel in ("web", "mobile", "store"):
            shown = await play.until_shown(sku, left, channel)
            expect(shown == left, f"{channel} shows {shown} of {sku}, not {left}")
        step.saw(f"{sku}: {play.stock_before[sku]} → {left} on web, mobile and store")


async def ship_one_parcel(play: Play, step: Step) -> None:
    """The warehouse ships its parcel; what is in it is captured, no more."""
    parcel = parcel_from(play.order, cast.WAREHOUSE)
    await play.seller.post(
        f"/v1/fulfilments/{parcel['id']}:ship",
        {"carrier": "colissimo", "trackingNumber": "6A12345678901"},
    )
    await play.until_captured(cents(parcel["amount"]))
    taken = captured_by_payment(await play.provider.journal())
    payment = await play.admin.get(f"/v1/payments/{play.order['payments'][0]}")
    in_their_books = taken[payment["providerReference"]]
    expect(in_their_books == cents(parcel["amount"]), "the provider should have taken the same")
    step.saw(f"captured {euros(play.order['captured'])} of {euros(play.order['totals']['total'])}")


async def hand_over_the_other(play: Play, step: Step) -> None:
    """The customer takes the other parcel in the store; the rest is captured."""
    parcel = parcel_from(play.order, cast.STORE)
    await play.seller.post(f"/v1/fulfilments/{parcel['id']}:handOver")
    await play.until_captured(cents(play.order["totals"]["total"]))
    expect(play.order["state"] == "STATE_FULFILLED", f"the order is {play.order['state']}")
    step.saw(f"captured {euros(play.order['captured'])}, order fulfilled")


async def second_buyer_hesitates(play: Play, step: Step) -> None:
    """Somebody else puts the last jacket into their cart, and waits."""
    play.second = await play.visitor()
    cart = await play.second.post("/v1/carts", {"channel": "web"})
    cart = await play.second.post(
        f"/v1/carts/{cart['id']}/lines", {"sku": cast.LAST_JACKET, "quantity": 1}
    )
    play.second_cart = await play.second.put(
        f"/v1/carts/{cart['id']}/delivery",
        {"delivery": {"mode": "MODE_SHIP", "address": cast.HOME, "shippingMethod": "standard"}},
    )
    step.saw(f"{cast.LAST_JACKET} in a second cart, not promised to anybody yet")


async def till_sells_the_last_one(play: Play, step: Step) -> None:
    """The till sells the last jacket; the web shows it gone at once."""
    price = (await play.shopper.get("/v1/prices", skus=cast.LAST_JACKET, channel="store"))[
        "prices"
    ][0]
    async with play.second.watch("/v1/availability:watch", skus=cast.LAST_JACKET) as figures:
        first = await asyncio.wait_for(anext(figures), 5)
        expect(first.get("available", 0) == 1, f"one jacket should be left, not {first}")
        started = time.perf_counter()
        sale = await play.seller.post(
            "/v1/orders:recordStoreSale",
            {
                "location": cast.STORE,
                "customer": play.customer_id,
                "lines": [{"sku": cast.LAST_JACKET, "quantity": 1}],
                "tenders": [{"kind": "terminal", "amount": price["amount"], "reference": "T-1"}],
            },
        )
        gone = await asyncio.wait_for(anext(figures), 5)
    elapsed = (time.perf_counter() - started) * 1000
    expect(gone.get("available", 0) == 0, f"the web should show none left, not {gone}")
    shown = await play.until_shown(cast.LAST_JACKET, 0, "web")
    expect(shown == 0, f"the product page should show none left, not {shown}")
    play.sale = sale
    sold = f"sale {sale['number']}, {euros(sale['totals']['total'])}"
    step.saw(f"{sold}; gone on the web after {elapsed:.0f} ms")


async def second_buyer_is_refused(play: Play, step: Step) -> None:
    """The second buyer is told clearly, and nothing is charged."""
    token = await play.provider.tokenise(ORDINARY_CARD)
    before = len(await play.provider.journal())
    try:
        await play.place(play.second_cart, token, who=play.second)
    except Refused as refusal:
        expect(refusal.reason == "OUT_OF_STOCK", f"the reason should be OUT_OF_STOCK: {refusal}")
        expect(
            cast.LAST_JACKET in str(refusal.problem), f"the sku should be named: {refusal.problem}"
        )
        step.saw(f"refused: {refusal.detail}")
    else:
        expect(False, "a second buyer got a jacket that is not there")
    after = len(await play.provider.journal())
    expect(after == before, f"{after - before} new entries in the provider's journal: charged?")
    cart = await play.second.get(f"/v1/carts/{play.second_cart['id']}")
    expect(cart["state"] == "STATE_OPEN", "the second buyer's cart should be open again")


async def timeline_tells_it_all(play: Play, step: Step) -> None:
    """The customer's timeline shows every touch, on every channel."""
    wanted = {
        "KIND_REGISTERED",
        "KIND_SIGNED_IN",
        "KIND_CART",
        "KIND_ORDER_PLACED",
        "KIND_SHIPPED",
        "KIND_HANDED_OVER",
        "KIND_PAID",
        "KIND_STORE_SALE",
    }
    touches = await play.until_timeline_has(wanted)
    kinds = {touch["kind"] for touch in touches}
    expect(wanted <= kinds, f"the timeline misses {sorted(wanted - kinds)}")
    for touch in reversed(touches):
        words = touch["kind"].removeprefix("KIND_").replace("_", " ").lower()
        step.saw(f"{touch['time'][11:19]}  {words}  {touch.get('channel', '')}".rstrip())


async def books_balance(play: Play, step: Step) -> None:
    """The ledger is balanced."""
    balance = await play.admin.get("/v1/ledger:trialBalance")
    expect(Decimal(balance["sum"]["amount"]) == 0, f"the ledger is off by {balance['sum']}")
    step.saw(f"{len(balance['accounts'])} accounts sum to zero")


def euros(amount: Json) -> str:
    """An amount as a French customer reads it."""
    return f"{amount['amount'].replace('.', ',')} {amount['currency'].replace('EUR', '€')}"


SCENES: tuple[tuple[str, Scene], ...] = (
    ("The stage is set: a seller in Lyon, one jacket left", set_the_stage),
    ("A visitor browses on the web, in French", browse),
    ("Product page with price and stock near Lyon", look_at_a_product),
    ("Two products in the cart, on the phone", fill_the_cart),
    ("Sign-in: the cart follows", sign_in),
    ("A seller in the store adds one more, the phone sees it", seller_adds_one_more),
    ("A coupon", use_a_coupon),
    ("Delivery and the checkout page", choose_delivery),
    ("Checkout with 3-D Secure, on the tablet", place_the_order),
    ("Two parcels from two places", two_parcels),
    ("Stock has fallen on every channel", stock_has_fallen),
    ("A parcel ships, its payment is captured", ship_one_parcel),
    ("The other is handed over in the store", hand_over_the_other),
    ("A second buyer puts the last jacket into a cart", second_buyer_hesitates),
    ("The till sells the last jacket, the web shows it gone", till_sells_the_last_one),
    ("The second buyer is refused, nothing is charged", second_buyer_is_refused),
    ("The customer's timeline shows all of it", timeline_tells_it_all),
    ("The ledger is balanced", books_balance),
)
