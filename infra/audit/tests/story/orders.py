"""Processes, orders and parcels."""

from infra.audit.tests.story.sales import (
    AGO,
    FULFILLED,
    HASH,
    PROMOTED,
    SALES,
    SOLD,
    SOON,
    WAITING,
    Sale,
    Told,
    json_of,
    lines_of,
    totals_of,
)


def tell_orders(told: Told) -> None:
    for serial, sale in enumerate(SALES, 1):
        sold, name = sale is SOLD, sale.name
        process = f"{'sal' if sold else 'plc'}_{name}"
        state = {"sold": "DONE", "failed": "FAILED", "waiting": "ACTION_REQUIRED"}.get(
            name, "PLACED"
        )
        running = SOON if sale is WAITING else "NULL"
        told.insert(
            "orders",
            "process",
            "id, kind, caller, request_id, request_hash, order_id, state, version, attempts,"
            " nudges, serial, document, deadline, next_run_at, created_at, updated_at",
            f"'{process}', '{'STORE_SALE' if sold else 'PLACEMENT'}', 'shop', '{name}', {HASH},"
            f" 'ord_{name}', '{state}', 1, 0, 0, {serial}, {json_of({'intent': {'token': ''}})},"
            f" {SOON}, {running}, {AGO}, {AGO}",
        )
        if not sale.stands:
            continue
        content = {
            "lines": lines_of(sale),
            "totals": totals_of(sale),
            "coupons": ["WELCOME"] if name in PROMOTED else [],
            "payments": [f"pay_{name}"],
            "tenders": [] if sold else [{"payment": f"pay_{name}", "amount": sale.total}],
            "reservation": f"rsv_{name}",
            "placement": "" if sold else process,
        }
        captured = sale.total if sale in (FULFILLED, SOLD) else 0
        told.insert(
            "orders",
            "orders",
            "id, number, version, state, channel, customer, currency, cart, total, captured,"
            " cancel_reason, document, placed_at, updated_at",
            f"'ord_{name}', '26-00000{serial}', 1, '{sale.state}', 'web', '{sale.customer}', 'EUR',"
            f" '{'' if sold else f'crt_{name}'}', {sale.total}, {captured}, '', {json_of(content)},"
            f" {AGO}, {AGO}",
        )
        _parcel(told, sale)
        told.event("orders", "OrderPlaced", f"ord_{name}")
    told.event("orders", "OrderCancelled", "ord_cancelled")
    told.event("orders", "FulfilmentShipped", "ord_fulfilled")


def _parcel(told: Told, sale: Sale) -> None:
    state, mode = {
        "fulfilled": ("SHIPPED", "SHIP"),
        "sold": ("HANDED_OVER", "COUNTER"),
        "cancelled": ("CANCELLED", "SHIP"),
    }.get(sale.name, ("PROPOSED", "SHIP"))
    told.insert(
        "orders",
        "fulfilment",
        "id, order_id, position, location, state, mode, lines, goods, shipping, currency, version,"
        " carrier, tracking_number, created_at",
        f"'ful_{sale.name}', 'ord_{sale.name}', 0, 'lyon', '{state}', '{mode}', '[]',"
        f" {sale.total - sale.shipping}, {sale.shipping}, 'EUR', 1, '', '', {AGO}",
    )
