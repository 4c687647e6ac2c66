"""Carts, checkouts and coupons."""

from typing import Any

from infra.audit.tests.story.sales import (
    AGO,
    PROMOTED,
    SALES,
    SOLD,
    Sale,
    Told,
    json_of,
    lines_of,
    totals_of,
)


def _quote(sale: Sale) -> dict[str, Any]:
    rate = {"thousandths": 20_000, "text": "20"}
    priced = {
        "cart": {"currency": "EUR"},
        "lines": [
            {
                **line,
                "subtotal": line["unit_price"] * line["quantity"],
                "tax_included": not sale.net,
            }
            for line in lines_of(sale)
        ],
        "coupons": [{"code": "WELCOME", "discount": sale.discount, "reason": ""}]
        if sale.name in PROMOTED
        else [],
        "totals": {
            **totals_of(sale),
            "taxes": [{"rate": rate, "net": sale.total - sale.tax, "tax": sale.tax}],
        },
    }
    return {"priced": priced}


def tell_cart(told: Told) -> None:
    told.insert(
        "cart",
        "coupon",
        "code, effect, value, currency, label, usage_limit, usage_limit_per_customer, used_count",
        "'WELCOME', 'percent', 1000, 'EUR', '{}', 10, 1, 2",
    )
    uses = {"fulfilled": 2, "failed": 3, "waiting": 1}
    for sale in SALES:
        if sale is SOLD:
            continue
        checkout = {"failed": 2, "waiting": 1}.get(sale.name, 3)
        cart = {"failed": 1, "waiting": 2}.get(sale.name, 3)
        order = f"'ord_{sale.name}'" if sale.stands else "NULL"
        told.insert(
            "cart",
            "cart",
            "id, version, state, channel, currency, country, owner, lines, coupons, checkout,"
            " order_id, created_at, updated_at",
            f"'crt_{sale.name}', 1, {cart}, 'web', 'EUR', 'FR', '{sale.customer}', '[]', '{{}}',"
            f" 'plc_{sale.name}', {order}, {AGO}, {AGO}",
        )
        told.insert(
            "cart",
            "checkout",
            "id, cart_id, state, quote, created_at",
            f"'plc_{sale.name}', 'crt_{sale.name}', {checkout}, {json_of(_quote(sale))}, {AGO}",
        )
        if sale.name in uses:
            use = uses[sale.name]
            told.insert(
                "cart",
                "coupon_customer",
                "code, customer, used_count",
                f"'WELCOME', '{sale.customer}', {int(use < 3)}",
            )
            told.insert(
                "cart",
                "redemption",
                "checkout, code, customer, state",
                f"'plc_{sale.name}', 'WELCOME', '{sale.customer}', {use}",
            )
        told.event("cart", "CartCreated", f"crt_{sale.name}")
