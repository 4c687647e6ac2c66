"""Rows of a catalogue folder → bodies of the gateway's requests. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

Row = dict[str, str]
Body = dict[str, Any]


def labels(row: Row) -> Body:
    """The `label-<locale>` columns as a localised text."""
    prefix = "label-"
    texts = {
        key.removeprefix(prefix): row[key] for key in row if key.startswith(prefix) and row[key]
    }
    return {"texts": texts}


def location(row: Row) -> Body:
    """One row of locations.csv."""
    name = row["label-fr_FR"]
    return {
        "code": row["code"],
        "kind": f"KIND_{row['kind'].upper()}",
        "name": name,
        "address": {
            "recipient": name,
            "lines": [row["address"]],
            "postalCode": row["postal_code"],
            "city": row["city"],
            "country": row["country"],
            "point": {"latitude": float(row["latitude"]), "longitude": float(row["longitude"])},
        },
        "timeZone": row["time_zone"],
        "canShip": row["can_ship"] == "1",
        "canPickUp": row["can_pick_up"] == "1",
        "canReturn": row["can_return"] == "1",
        "active": True,
    }


def stock(rows: Iterable[Row]) -> Iterator[Body]:
    """Rows of stock.csv as quantities; what is not there needs no receipt."""
    for row in rows:
        if int(row["on_hand"]):
            yield {"sku": row["sku"], "location": row["location"], "quantity": int(row["on_hand"])}


def price_list(row: Row) -> Body:
    """One row of price_lists.csv."""
    body: Body = {
        "code": row["code"],
        "currency": row["currency"],
        "taxIncluded": row["tax_included"] == "1",
        "channel": row["channel"],
        "customerGroup": row["customer_group"],
        "priority": int(row["priority"] or 0),
    }
    return body | _validity(row)


def prices(rows: Iterable[Row]) -> dict[str, list[Body]]:
    """Rows of prices.csv by price list."""
    by_list: dict[str, list[Body]] = defaultdict(list)
    for row in rows:
        amount = {"currency": row["currency"], "amount": row["amount"]}
        by_list[row["price_list"]].append(
            {"sku": row["sku"], "amount": amount, "minQuantity": int(row["min_quantity"] or 1)}
        )
    return by_list


def prices_of_products(products: Iterable[Row], models: Iterable[Row]) -> dict[str, list[Body]]:
    """Base prices from the products' own `price-EUR` column, for catalogues without prices.csv.

    A variant without a price takes its model's.
    """
    by_model = {row["code"]: row for row in models}
    found: list[Body] = []
    for row in products:
        amount = _inherited(row, by_model, "price-EUR")
        if amount:
            found.append(
                {"sku": row["sku"], "amount": {"currency": "EUR", "amount": two_digits(amount)}}
            )
    return {"base": found}


def _inherited(row: Row, models: dict[str, Row], column: str) -> str:
    current: Row | None = row
    while current is not None:
        if current.get(column):
            return current[column]
        current = models.get(current.get("parent", ""))
    return ""


def two_digits(amount: str) -> str:
    """A decimal amount with exactly two digits, as euros are written."""
    whole, _, fraction = amount.replace(",", ".").partition(".")
    return f"{whole}.{fraction[:2]:0<2}"


def coupon(row: Row) -> Body:
    """One row of coupons.csv."""
    body: Body = {"code": row["code"], "label": labels(row)}
    if row["kind"] == "percent":
        body["percent"] = row["value"]
    else:
        body["amount"] = {"currency": row["currency"], "amount": row["value"]}
    if row["minimum_amount"]:
        body["minimumSubtotal"] = {
            "currency": row["currency"] or "EUR",
            "amount": row["minimum_amount"],
        }
    return body | _validity(row)


def shipping_rule(row: Row, position: int) -> Body:
    """One row of shipping_methods.csv."""
    body: Body = {
        "code": row["code"],
        "name": labels(row),
        "mode": f"MODE_{row['delivery'].upper()}",
        "price": {"currency": row["currency"], "amount": row["amount"]},
        "position": position,
    }
    if row["free_above"]:
        body["freeFrom"] = {"currency": row["currency"], "amount": row["free_above"]}
    return body


def _validity(row: Row) -> Body:
    names = {"valid_from": "validFromTime", "valid_to": "validToTime"}
    return {names[column]: row[column] for column in names if row[column]}
