"""Stock, its movements and reservations."""

from collections.abc import Sequence

from infra.audit.tests.story.sales import AGO, SALES, SOLD, SOON, Told, json_of

_MOVEMENTS: Sequence[tuple[str, str, int, int]] = (
    ("RAIN", "lyon", 10, 1),
    ("SHOE", "lyon", 5, 1),
    ("SHOE", "store", 3, 1),
    ("RAIN", "lyon", -2, 2),
    ("SHOE", "lyon", -1, 2),
    ("SHOE", "store", -1, 2),
)


_STATES = {2: "Confirmed", 3: "Consumed", 4: "Released"}


def tell_inventory(told: Told) -> None:
    told.insert(
        "inventory",
        "stock_item",
        "sku, location, on_hand, reserved, safety_stock, version",
        "'RAIN', 'lyon', 8, 2, 0, 1",
        "'SHOE', 'lyon', 4, 0, 0, 1",
        "'SHOE', 'store', 2, 0, 0, 1",
    )
    for number, (sku, location, units, reason) in enumerate(_MOVEMENTS, 1):
        told.insert(
            "inventory",
            "movement",
            "id, sku, location, units, reason, reference, actor, created_at",
            f"'mov_{number}', '{sku}', '{location}', {units}, {reason}, '', 'shop', {AGO}",
        )
    for sale in SALES:
        consumed, released = sale.reservation == 3, sale.reservation == 4
        lines = [
            [sku, location, units, units if consumed else 0, units if released else 0]
            for sku, location, units, *_ in sale.lines
        ]
        told.insert(
            "inventory",
            "reservation",
            "id, owner, request_id, state, lines, expires_at, created_at",
            f"'rsv_{sale.name}', 'order/ord_{sale.name}', 'plc_{sale.name}/reserve/1',"
            f" {sale.reservation}, {json_of(lines)}, {AGO if sale is SOLD else SOON}, {AGO}",
        )
        if sale is not SOLD:
            told.event("inventory", "ReservationHeld", f"rsv_{sale.name}")
        if sale.reservation in _STATES:
            state = _STATES[sale.reservation]
            told.event("inventory", f"Reservation{state}", f"rsv_{sale.name}")
    # One of them was sold ahead.
    told.event("inventory", "ReservationCovered", "rsv_fulfilled")
