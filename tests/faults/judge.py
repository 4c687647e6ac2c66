"""What must hold once everything has healed: the invariants that faults must not break.

Each finding begins with the id of the invariant. An empty list is the only good verdict.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from comptoir_runtime import money
from tests.faults import books
from tests.faults.books import Books
from tests.faults.witness import Purchase, purchases
from tests.faults.world import StillNot, World, until

_HELD, _CONFIRMED, _CONSUMED = 1, 2, 3
_RELEASED_USE = 3
_SECONDS = 120.0

Order = Mapping[str, Any]


@dataclass
class Verdict:
    """What came of one or more faults."""

    acknowledged: int = 0
    refused: int = 0
    unsettled: int = 0
    findings: list[str] = field(default_factory=list)
    recovered_seconds: float = 0.0

    def count(self, *ids: str) -> int:
        """How many findings there are of these invariants."""
        return sum(finding.split(" ", 1)[0] in ids for finding in self.findings)

    @property
    def lost(self) -> int:
        return self.count("O2", "E2")

    @property
    def doubled(self) -> int:
        return self.count("O1", "M5", "M6")

    @property
    def leaked(self) -> int:
        return self.count("S1", "S3", "M12", "P1")


async def until_quiet(world: World, seconds: float = _SECONDS) -> float:
    """Waits until nothing has to happen any more; answers how long it took."""
    left: list[str] = []

    async def quiet() -> bool:
        left[:] = await books.unrest(world)
        return not left

    try:
        return await until("all is quiet", quiet, seconds)
    except StillNot as failure:
        told = "\n".join(left[:20])
        raise StillNot(f"{failure}; {len(left)} things left, such as\n{told}") from None


async def judge(world: World, *witnesses: Path, dead_letters: int = 0) -> Verdict:
    """Waits for quiet, reads all books and compares them with each other and the witnesses."""
    seconds = await until_quiet(world)
    bought = [purchase for path in witnesses for purchase in purchases(path)]
    verdict = compare(await books.read(world), bought, dead_letters)
    verdict.recovered_seconds = seconds
    return verdict


def compare(read: Books, bought: Sequence[Purchase], dead_letters: int = 0) -> Verdict:
    """The verdict over what was read; pure, so that it has tests of its own."""
    verdict = Verdict(
        acknowledged=sum(purchase.acknowledged for purchase in bought),
        refused=sum(purchase.refused for purchase in bought),
        unsettled=sum(not purchase.answers for purchase in bought),
    )
    orders = {row["id"]: row for row in read.of("orders", books.ORDERS)}
    verdict.findings += [
        *_promises(orders, bought),
        *_once(orders, bought),
        *_money(read, orders),
        *_stock(read, orders),
        *_coupons(read),
        *_events(read, dead_letters),
    ]
    return verdict


def _promises(orders: Mapping[str, Order], bought: Sequence[Purchase]) -> Iterator[str]:
    """O2: what was acknowledged exists, unchanged; what was refused does not."""
    by_cart = {row["cart"]: row for row in orders.values()}
    # A cart that was refused may be ordered anew: what the buyer heard last is what counts.
    last = {purchase.cart: purchase for purchase in bought}
    for purchase in bought:
        if purchase.refused and last[purchase.cart] is purchase and purchase.cart in by_cart:
            yield f"O2 {purchase.key} was refused ({purchase.last}), and its cart is an order"
        if not purchase.acknowledged:
            continue
        order = by_cart.get(purchase.cart)
        if order is None or order["id"] not in purchase.placed:
            yield f"O2 {sorted(purchase.placed)} was acknowledged and does not exist"
            continue
        total = money.from_minor(order["total"], order["currency"])
        if (total.currency, total.amount) != (purchase.total["currency"], purchase.total["amount"]):
            yield f"O2 {order['id']} has total {total.amount}, acknowledged {purchase.total}"
        lines = sorted((line["sku"], line["quantity"]) for line in order["document"]["lines"])
        if lines != sorted(purchase.lines):
            yield f"O2 {order['id']} has lines {lines}, acknowledged {purchase.lines}"


def _once(orders: Mapping[str, Order], bought: Sequence[Purchase]) -> Iterator[str]:
    """O1: one order for one cart and one key, and the buyer is always told the same."""
    carts = Counter(row["cart"] for row in orders.values() if row["cart"])
    yield from (f"O1 cart {cart} has become {n} orders" for cart, n in carts.items() if n > 1)
    for purchase in bought:
        if len(purchase.placed) > 1:
            yield f"O1 {purchase.key} was told {sorted(purchase.placed)}"


def _money(read: Books, orders: Mapping[str, Order]) -> Iterator[str]:
    """M1, M5, M6, M12: our books are balanced, the provider's say the same, nobody pays twice."""
    for row in read.of("payments", books.UNBALANCED):
        yield f"M1 transfer {row['operation_id']} is off by {row['off']} {row['currency']}"
    yield from (f"M6 the provider has two payments for {ref}" for ref in read.provider_twice)
    payments = {row["id"]: row for row in read.of("payments", books.PAYMENTS)}
    kept: dict[str, list[int]] = defaultdict(list)
    for reference, theirs in read.provider.items():
        amount = theirs["authorised_amount"] - theirs["voided_amount"]
        ours = payments.get(reference)
        if ours is None and amount:
            yield f"M5 the provider keeps {amount} for {reference}, which we do not know"
        elif ours is not None:
            yield from _same(ours, theirs, amount)
            if amount:
                kept[ours["order_id"]].append(amount)
    yield from _paid(read, orders, kept)
    captures = {row["payment_id"]: row["amount"] for row in read.of("payments", "capture")}
    for reference, theirs in read.provider.items():
        if theirs["captured_amount"] != captures.get(reference, 0):
            booked = captures.get(reference, 0)
            yield f"M5 {reference}: charged {theirs['captured_amount']}, ledger says {booked}"


def _paid(
    read: Books, orders: Mapping[str, Order], kept: Mapping[str, Sequence[int]]
) -> Iterator[str]:
    """What is kept is kept for orders that stand, and for each of them its total."""
    undone = {row["order_id"]: dict(row) for row in read.of("orders", books.PLACEMENTS)}
    for order, amounts in kept.items():
        if not _stands(orders.get(order)):
            yield f"M12 {amounts} kept for {order}, which does not stand: {undone.get(order)}"
        elif sum(amounts) != orders[order]["total"]:
            yield f"M5 {amounts} kept for {order} of {orders[order]['total']}"
    for order, row in orders.items():
        if _stands(row) and row["total"] and row["cart"] and order not in kept:
            yield f"M5 nothing is kept for {order} of {row['total']}"


def _stands(order: Order | None) -> bool:
    return order is not None and order["state"] != "CANCELLED"


def _same(ours: Mapping[str, Any], theirs: Mapping[str, Any], kept: int) -> Iterator[str]:
    ended = ours["state"] in ("voided", "failed")
    if ended != (kept == 0) and ours["state"] != "requires_action":
        yield f"M5 {ours['id']} is {ours['state']}, the provider keeps {kept}"
    for name in ("captured_amount", "refunded_amount"):
        if ours[name] != theirs[name]:
            yield f"M5 {ours['id']}: {name} {ours[name]}, the provider says {theirs[name]}"


def _stock(read: Books, orders: Mapping[str, Order]) -> Iterator[str]:
    """S1, S3, S8: what is promised is promised to orders that stand, once, and nothing else is."""
    for row in read.of("inventory", books.STOCK_OFF):
        yield f"S8 {row['sku']} at {row['location']}: {row['on_hand']} is not {row['moved']}"
    promised: Counter[tuple[str, str]] = Counter()
    holders: Counter[str] = Counter()
    waiting = {
        row["order_id"]
        for row in read.of("orders", books.PLACEMENTS)
        if row["state"] == "ACTION_REQUIRED"
    }
    for row in read.of("inventory", books.RESERVATIONS):
        owner = row["owner"].partition("/")[2]
        if row["state"] in (_HELD, _CONFIRMED):
            for sku, location, units, consumed, released in row["lines"]:
                promised[sku, location] += units - consumed - released
            if not _stands(orders.get(owner)) and owner not in waiting:
                yield f"S3 {row['id']} holds stock for {owner}, which does not stand"
        if row["state"] in (_CONFIRMED, _CONSUMED):
            holders[owner] += 1
    yield from (
        f"S3 {order} has {holders[order]} confirmed reservations"
        for order, row in orders.items()
        if _stands(row) and holders[order] != 1
    )
    for row in read.of("inventory", books.STOCK):
        expected = promised[row["sku"], row["location"]]
        if row["reserved"] != expected or not 0 <= expected <= row["on_hand"]:
            yield (
                f"S1 {row['sku']} at {row['location']}: reserved {row['reserved']}, "
                f"promised {expected}, on hand {row['on_hand']}"
            )


def _coupons(read: Books) -> Iterator[str]:
    """P1: nobody uses a coupon more often than it may be used, and no use is forgotten."""
    used = Counter(
        row["code"] for row in read.of("cart", books.REDEMPTIONS) if row["state"] != _RELEASED_USE
    )
    for row in read.of("cart", books.COUPONS):
        within = not row["usage_limit"] or row["used_count"] <= row["usage_limit"]
        if row["used_count"] != used[row["code"]] or not within:
            yield (
                f"P1 {row['code']}: counted {row['used_count']}, used {used[row['code']]}, "
                f"limit {row['usage_limit']}"
            )


def _events(read: Books, dead_letters: int) -> Iterator[str]:
    """E2, E6: every fact reached everybody it is for; what was put aside was expected to be."""
    for consumer, facts in read.missing.items():
        yield from (f"E2 {consumer} never took in {fact}" for fact in facts)
    quarantined = [
        f"{service}: {row['type']} {row['error'][:200]}"
        for (service, query), rows in read.rows.items()
        if query == books.QUARANTINED
        for row in rows
    ]
    if len(quarantined) != dead_letters:
        yield f"E6 {len(quarantined)} dead letters, expected {dead_letters}: {quarantined[:3]}"
