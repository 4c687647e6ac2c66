"""Pages per second: catalogue pages of 20 products with prices and stock, and product pages."""

from urllib.parse import quote

from tests.load.figures import Figure, WrongResult
from tests.load.shopping import Person
from tests.load.world import World
from tests.load.wrk import hit

CONNECTIONS = 16
SECONDS = 24.0
PAGE_SIZE = 20
_CATALOGUE = f"/v1/pages/catalogue?channel=web&locale=fr_FR&category=master&pageSize={PAGE_SIZE}"
_PRODUCT = "/v1/pages/products/{sku}?channel=web&locale=fr_FR&near=45.7640,4.8357"


async def measure(world: World, seconds: float = SECONDS) -> list[Figure]:
    """Each a third of the time; the reference is a route of the gateway that does nothing."""
    catalogue, skus = await _pages(world)
    products = [_PRODUCT.format(sku=quote(sku)) for sku in skus]
    url = f"http://{world.authority}"
    each = max(1, round(seconds / 3))
    nothing = await hit(url, ["/healthz"], connections=CONNECTIONS, seconds=each)
    browse = await hit(url, catalogue, connections=CONNECTIONS, seconds=each)
    page = await hit(url, products, connections=CONNECTIONS, seconds=each)
    return [
        Figure("browse", browse.rate, "requests/s", nothing.rate),
        Figure("browse.p99", browse.p99_ms, "ms", nothing.p99_ms),
        Figure("product-page", page.rate, "requests/s", nothing.rate),
        Figure("product-page.p99", page.p99_ms, "ms", nothing.p99_ms),
    ]


async def _pages(world: World) -> tuple[list[str], list[str]]:
    """All full pages of the catalogue, and the skus on them; WrongResult when parts are missing."""
    visitor = await Person.visitor(world)
    paths, skus, token = [], [], ""
    while True:
        path = f"{_CATALOGUE}&pageToken={quote(token)}" if token else _CATALOGUE
        page = await visitor.read(path)
        items = page["items"]
        if page.get("degraded") or not all(
            item["price"] and item["availability"] is not None for item in items
        ):
            raise WrongResult(f"parts are missing of {path}: {page.get('degraded')}")
        skus += [item["product"]["sku"] for item in items]
        if len(items) == PAGE_SIZE:
            paths.append(path)
        token = page.get("nextPageToken", "")
        if not token:
            break
    visitor.close()
    if not paths:
        raise WrongResult(f"the catalogue has no page of {PAGE_SIZE} products")
    return paths, skus
