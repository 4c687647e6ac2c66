"""Values that are kept whole in a jsonb column; the codec of `Session` writes them as they are."""

from datetime import datetime
from typing import Any

from comptoir_cart.domain.carts import Address, Cart, Delivery, Line, Mode, State
from comptoir_cart.domain.priced import PricedCart, PricedLine, Quote, Totals
from comptoir_cart.domain.promotions import AppliedCoupon
from comptoir_cart.domain.taxes import Rate, RateTotal

Document = dict[str, Any]


def lines_from(documents: list[Document]) -> tuple[Line, ...]:
    return tuple(
        [Line(each["id"], each["sku"], each["quantity"], each["note"]) for each in documents]
    )


def delivery_from(document: Document | None) -> Delivery | None:
    if document is None:
        return None
    address = document["address"]
    if address is not None:
        address = Address(**{**address, "lines": tuple(address["lines"])})
    return Delivery(
        Mode(document["mode"]), address, document["location"], document["shipping_method"]
    )


def quote_from(document: Document) -> Quote:
    priced = document["priced"]
    totals = priced["totals"]
    taxes = tuple(
        RateTotal(Rate(**each["rate"]), each["net"], each["tax"]) for each in totals["taxes"]
    )
    return Quote(
        priced=PricedCart(
            cart=_cart_from(priced["cart"]),
            lines=tuple(PricedLine(**each) for each in priced["lines"]),
            coupons=tuple(AppliedCoupon(**each) for each in priced["coupons"]),
            totals=Totals(**{**totals, "taxes": taxes}),
            shipping_tax=priced["shipping_tax"],
            deliverable=priced["deliverable"],
            fingerprint=priced["fingerprint"],
        ),
        created_at=datetime.fromisoformat(document["created_at"]),
    )


def _cart_from(document: Document) -> Cart:
    return Cart(
        **{
            **document,
            "state": State(document["state"]),
            "lines": lines_from(document["lines"]),
            "coupons": tuple(document["coupons"]),
            "delivery": delivery_from(document["delivery"]),
            "created_at": datetime.fromisoformat(document["created_at"]),
            "updated_at": datetime.fromisoformat(document["updated_at"]),
        }
    )
