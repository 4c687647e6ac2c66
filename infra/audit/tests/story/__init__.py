"""A small healthy world, as the services' databases and the provider's journal tell it.

Six orders of one shop: `fulfilled` (with a coupon, shipped, captured, one item refunded, partly
as store credit), `placed`, `cancelled`, `sold` at a till, `failed` (declined), and `waiting` for
its payer. Everything happened ten minutes ago, except what `waiting` waits for.
"""

from infra.audit.tests.story.carts import tell_cart
from infra.audit.tests.story.orders import tell_orders
from infra.audit.tests.story.payments import JOURNAL as JOURNAL
from infra.audit.tests.story.payments import tell_payments
from infra.audit.tests.story.people import tell_people
from infra.audit.tests.story.sales import Told
from infra.audit.tests.story.stock import tell_inventory


def _tell() -> dict[str, str]:
    told = Told()
    for part in (tell_orders, tell_payments, tell_inventory, tell_cart, tell_people):
        part(told)
    return {service: ";\n".join(["BEGIN", *sql, "COMMIT"]) for service, sql in told.sql.items()}


STORY = _tell()
"""What to run in each service's database."""
