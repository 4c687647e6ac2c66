"""How far a place is."""

from math import asin, cos, inf, radians, sin, sqrt

from comptoir_orders.policies.sourcing.departments import CENTRES
from comptoir_runtime.addresses import Address, Point

_EARTH_RADIUS_KM = 6371.0


def kilometres(start: Point | None, end: Point | None) -> float:
    """Great-circle distance; infinite when one end is not known."""
    if start is None or end is None:
        return inf
    north, south = radians(start.latitude), radians(end.latitude)
    height = sin((south - north) / 2) ** 2
    width = sin(radians(end.longitude - start.longitude) / 2) ** 2
    return 2 * _EARTH_RADIUS_KM * asin(sqrt(min(1.0, height + cos(north) * cos(south) * width)))


def point_of(address: Address | None) -> Point | None:
    """The address's own point, else the middle of its French department, else None."""
    if address is None:
        return None
    if address.point is not None:
        return address.point
    if address.country != "FR":
        return None
    return CENTRES.get(_department(address.postal_code.replace(" ", "")))


def _department(postal_code: str) -> str:
    """The department a French postal code belongs to, such as `69`, `2A` or `974`."""
    if len(postal_code) != 5 or not postal_code.isdigit():
        return ""
    if postal_code.startswith(("97", "98")):
        return postal_code[:3]
    if postal_code.startswith("20"):
        # Corsica: 200xx and 201xx lie in the south, 202xx and 206xx in the north.
        return "2A" if postal_code[2] in "01" else "2B"
    return postal_code[:2]
