"""Buying what is not there yet: promised with a date, sent and paid for when it has come."""

from datetime import UTC, datetime, timedelta

from comptoir_local.demo.play import poll
from tests.journeys.shop import LYON, Shop, ok, refused
from tests.journeys.stage import JOURNEY

pytestmark = JOURNEY


def moment(days: int) -> str:
    """So many days from now, at a full second."""
    then = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
    return then.isoformat().replace("+00:00", "Z")


class TestBackorders:
    async def test_one_is_sent_now_and_the_other_when_it_has_come(self, shop: Shop) -> None:
        sku, visitor, due = await shop.goods(units=1), await shop.visitor(), moment(days=3)
        await shop.set_price(sku, "80.00")
        policy = {"sku": sku, "backorder": "BACKORDER_UNTIL_DATE", "backorderUntilTime": moment(9)}
        await shop.admin.post("/v1/sellingPolicies", {"policy": policy})
        expected = {
            "sku": sku,
            "location": LYON,
            "reference": f"po-{sku}",
            "quantity": 1,
            "expectedTime": due,
            "source": "SOURCE_PURCHASE_ORDER",
        }
        await shop.admin.post("/v1/supply", {"supply": [expected]})

        placed = ok(await visitor.place(await visitor.cart(sku, quantity=2)))
        refused(await visitor.place(await visitor.cart(sku)), 409, "OUT_OF_STOCK")

        path = f"/v1/orders/{placed['order']}"
        order = await visitor.get(path)
        there, late = order["fulfilments"]
        assert (there["state"], late["state"]) == ("STATE_PROPOSED", "STATE_AWAITING_STOCK")
        assert (there["location"], late["location"]) == (LYON, LYON)
        assert "expectedTime" not in there
        assert late["expectedTime"] == due
        assert (there["amount"]["amount"], late["amount"]["amount"]) == ("80.00", "80.00")

        await shop.admin.post(f"/v1/fulfilments/{there['id']}:ship", {"carrier": "colissimo"})
        early = await shop.admin.send(
            "POST", f"/v1/fulfilments/{late['id']}:ship", body={"carrier": "colissimo"}
        )
        refused(early, 409, "FULFILMENT_NOT_SHIPPABLE")

        line = {"sku": sku, "location": LYON, "quantity": 1}
        await shop.admin.post("/v1/stock:receive", {"lines": [line], "reference": f"po-{sku}"})
        order = await poll(
            lambda: visitor.get(path),
            lambda answer: answer["fulfilments"][1]["state"] == "STATE_PROPOSED",
        )
        assert order["fulfilments"][1]["state"] == "STATE_PROPOSED"
        assert await shop.available(sku) == 0

        await shop.admin.post(f"/v1/fulfilments/{late['id']}:ship", {"carrier": "colissimo"})
        order = await poll(
            lambda: visitor.get(path),
            lambda answer: answer["captured"] == answer["totals"]["total"],
        )
        assert order["state"] == "STATE_FULFILLED"
        assert order["captured"]["amount"] == "160.00"
