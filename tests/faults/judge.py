"""What must hold once everything has healed.

Whether the books agree among themselves and with the provider's journal is the auditor's to say.
The judge adds what only the clients know: what they asked for, and what they were told. Each
finding begins with the id of the invariant; an empty list is the only good verdict.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from comptoir_audit.audit import Report, audit
from comptoir_audit.sources import Connections, CouldNotLook
from comptoir_runtime import money
from tests.faults import books
from tests.faults.books import AT_ONCE, Books
from tests.faults.witness import Deed, Evidence, Part, Purchase, Request, evidence
from tests.faults.world import StillNot, World, until

_PAUSE = timedelta(seconds=1)

Row = Mapping[str, Any]


@dataclass
class Verdict:
    """What came of one or more faults."""

    told: Evidence
    """Of the witnesses that were asked for their figures."""
    findings: list[str] = field(default_factory=list)
    looked_at: int = 0
    """Things that the auditor has compared."""
    recovered_seconds: float = 0.0

    @property
    def acknowledged(self) -> int:
        return sum(purchase.acknowledged for purchase in self.told.purchases)

    @property
    def refused(self) -> int:
        return sum(purchase.refused for purchase in self.told.purchases)

    def granted(self, deed: Deed) -> int:
        return len(self.told.granted(deed))

    def count(self, *ids: str) -> int:
        """How many findings there are of these invariants."""
        return sum(_invariant(finding) in ids for finding in self.findings)

    @property
    def lost(self) -> int:
        return self.count("O2", "E1", "E2", "E3")

    @property
    def doubled(self) -> int:
        return self.count("O1", "O8", "M5", "M6", "M11")

    @property
    def leaked(self) -> int:
        return self.count("S1", "S2", "S3", "O5", "M12", "P1", "P2")

    @property
    def other(self) -> int:
        return len(self.findings) - self.lost - self.doubled - self.leaked


def _invariant(finding: str) -> str:
    """`M5` of `M5.journal [payments+provider] …`."""
    return finding.partition(" ")[0].partition(".")[0]


async def until_quiet(world: World) -> float:
    """Waits until nothing has to happen any more; answers how long it took."""
    left: list[str] = []

    async def quiet() -> bool:
        try:
            left[:] = await books.unrest(world)
        except CouldNotLook as why:  # a server that is busy or recovers lets its callers wait
            left[:] = [str(why)]
        return not left

    try:
        return await until("all is quiet", quiet)
    except StillNot as failure:
        told = "\n".join(left[:20])
        raise StillNot(f"{failure}; {len(left)} things left, such as\n{told}") from None


async def judge(
    world: World, witnesses: Sequence[Path], asked: Path, poisoned: AbstractSet[str] = frozenset()
) -> Verdict:
    """Waits for quiet and has the books audited, then compares them with all that was witnessed.

    The figures are those of the one who is `asked`. Events that were `poisoned` have to end in
    quarantine, and are no finding there.
    """
    seconds = await until_quiet(world)
    report = await _audited(world)
    found = [
        str(finding)
        for finding in report.findings
        if finding.invariant != "E6" or poisoned.isdisjoint(finding.ids)
    ]
    found += [f"{name} was not looked at: {why}" for name, why in report.skipped.items()]
    found += compare(await books.read(world), evidence(witnesses))
    return Verdict(evidence([asked]), found, report.looked_at, seconds)


async def _audited(world: World) -> Report:
    """What the auditor says, as soon as it can look at all databases."""
    reports: list[Report] = []

    async def has_looked() -> bool:
        with suppress(CouldNotLook):
            async with Connections.open(world.surroundings.audited) as connections:
                reports.append(await audit(connections, grace=AT_ONCE, pause=_PAUSE))
        return reports != []

    await until("the auditor has looked", has_looked)
    return reports[0]


def compare(read: Books, told: Evidence) -> list[str]:
    """Where the books differ from what clients asked for and were told."""
    orders = {row["id"]: row for row in read.orders}
    payments = {row["id"]: row for row in read.payments}
    return [
        *_promises(orders, payments, told.purchases),
        *_nobody_else(orders, told.purchases),
        *_once(told.purchases),
        *_cancellations(orders, told.asked(Deed.CANCEL)),
        *_departures(read.parcels, told.asked(Deed.SHIP)),
        *_refunds(payments, told),
        *_disputes(payments, told),
        *_reviews(orders, told),
        *_purses(read, orders, told),
    ]


def _promises(
    orders: Mapping[str, Row], payments: Mapping[str, Row], bought: Sequence[Purchase]
) -> Iterator[str]:
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
        else:
            yield from _as_ordered(order, payments, purchase)


def _as_ordered(order: Row, payments: Mapping[str, Row], purchase: Purchase) -> Iterator[str]:
    total = money.from_minor(order["total"], order["currency"])
    if (total.currency, total.amount) != (purchase.total["currency"], purchase.total["amount"]):
        yield f"O2 {order['id']} has total {total.amount}, acknowledged {purchase.total}"
    lines = sorted((line["sku"], line["quantity"]) for line in order["lines"])
    if lines != sorted(purchase.lines):
        yield f"O2 {order['id']} has lines {lines}, acknowledged {purchase.lines}"
    paid = [payments[each] for each in order["payments"] if each in payments]
    parts = sorted(_part(purchase, payment) for payment in paid)
    if parts != sorted(purchase.parts):
        yield f"O2 {order['id']} is paid by {parts}, acknowledged {purchase.parts}"


def _part(purchase: Purchase, payment: Row) -> Part:
    """A payment as its buyer knows it: who names no purse has been shown none."""
    named = {part.purse for part in purchase.parts}
    purse = payment["purse"] if payment["purse"] in named else ""
    return Part(payment["method"], payment["amount"], purse)


def _nobody_else(orders: Mapping[str, Row], bought: Sequence[Purchase]) -> Iterator[str]:
    """O1: each order is one that somebody asked for."""
    carts = {purchase.cart for purchase in bought}
    for order, row in orders.items():
        if row["cart"] not in carts:
            yield f"O1 {order} of cart {row['cart']}: nobody has ordered it"


def _once(bought: Sequence[Purchase]) -> Iterator[str]:
    """O1: under one key the buyer is always told of the same order."""
    for purchase in bought:
        if len(purchase.placed) > 1:
            yield f"O1 {purchase.key} was told {sorted(purchase.placed)}"


def _cancellations(orders: Mapping[str, Row], asked: Sequence[Request]) -> Iterator[str]:
    """O2: what was called off stays so, and nothing is that nobody wanted to be."""
    wanted = defaultdict[str, list[Request]](list)
    for request in asked:
        wanted[request.of].append(request)
        order = orders.get(request.of)  # none: it was called off before it stood
        if request.granted and order is not None and order["state"] != "CANCELLED":
            yield f"O2 {request.of} was called off, and is {order['state']}"
    for name, row in orders.items():
        willing = [request for request in wanted[name] if not request.refused]
        if row["state"] == "CANCELLED" and not willing:
            yield f"O2 {name} is CANCELLED, and nobody was told that it would be"


def _departures(parcels: Sequence[Row], asked: Sequence[Request]) -> Iterator[str]:
    """O2: what has left has left, and nothing else has."""
    state = {row["id"]: row["state"] for row in parcels}
    willing = {request.of for request in asked if not request.refused}
    for request in asked:
        if request.granted and state.get(request.of) != "SHIPPED":
            yield f"O2 {request.of} has left, and is {state.get(request.of)}"
    for parcel, now in state.items():
        if now == "SHIPPED" and parcel not in willing:
            yield f"O2 {parcel} is SHIPPED, and nobody has sent it"


def _refunds(payments: Mapping[str, Row], told: Evidence) -> Iterator[str]:
    """M10: what was given back is what was told, less what came back, and no more than asked."""
    least, most = defaultdict[str, int](int), defaultdict[str, int](int)
    for request in told.asked(Deed.REFUND):
        least[request.of] += request.amount if request.granted else 0
        most[request.of] += 0 if request.refused else request.amount
    for request in told.granted(Deed.BOUNCE):
        least[request.of] -= request.amount
        most[request.of] -= request.amount
    for payment, row in payments.items():
        if not least[payment] <= row["refunded"] <= most[payment]:
            yield (
                f"M10 {payment} gave {row['refunded']} back,"
                f" told {least[payment]}, asked {most[payment]}"
            )


def _disputes(payments: Mapping[str, Row], told: Evidence) -> Iterator[str]:
    """M5: what is in dispute and what is lost is what the payers' banks have done."""
    taken, lost = defaultdict[str, int](int), defaultdict[str, int](int)
    for request in told.granted(Deed.DISPUTE):
        taken[request.of] += request.amount
    for request in (*told.granted(Deed.WIN), *told.granted(Deed.LOSE)):
        taken[request.of] -= request.amount
    for request in told.granted(Deed.LOSE):
        lost[request.of] += request.amount
    for payment, row in payments.items():
        if (row["disputed"], row["charged_back"]) != (taken[payment], lost[payment]):
            yield (
                f"M5 {payment} has {row['disputed']} in dispute and {row['charged_back']} lost,"
                f" by its bank {taken[payment]} and {lost[payment]}"
            )


def _reviews(orders: Mapping[str, Row], told: Evidence) -> Iterator[str]:
    """O2: staff are shown the orders whose payers' banks have done something, and no others."""
    happened = defaultdict[str, list[Deed]](list)
    for request in told.requests:
        if request.granted:
            happened[request.of].append(request.deed)
    for name, row in orders.items():
        due = {payment: _to_look_at(happened[payment]) for payment in row["payments"]}
        shown = {payment: reason for payment, reason in due.items() if reason}
        if row["review"] != shown:
            yield f"O2 {name} is shown to staff for {row['review']}, and should be for {shown}"


def _to_look_at(deeds: Sequence[Deed]) -> str:
    """What there is to look at of a payment after all this, or nothing."""
    if Deed.LOSE in deeds:
        return "PAYMENT_CHARGED_BACK"
    if deeds.count(Deed.DISPUTE) > deeds.count(Deed.WIN):
        return "PAYMENT_DISPUTED"
    given_back = [deed for deed in deeds if deed in (Deed.REFUND, Deed.BOUNCE)]
    return "REFUND_FAILED" if given_back[-1:] == [Deed.BOUNCE] else ""


def _purses(read: Books, orders: Mapping[str, Row], told: Evidence) -> Iterator[str]:
    """M11: what is left of a gift card or credit is what was put in, less what stands of it."""
    left = defaultdict[str, int](int)
    for request in told.granted(Deed.FILL):
        left[request.answers[-1]["purse"]] += request.amount
    by_cart = {row["cart"]: row for row in orders.values()}
    # Of a cart that was ordered more than once, the last one counts.
    for purchase in {purchase.cart: purchase for purchase in told.purchases}.values():
        order = by_cart.get(purchase.cart)
        if order is not None and order["state"] != "CANCELLED":
            for part in purchase.parts:
                left[part.purse] -= part.amount
    for payment in read.payments:
        left[payment["purse"]] += payment["refunded"]
    available = {row["id"]: row["available"] for row in read.purses}
    for purse in {request.answers[-1]["purse"] for request in told.granted(Deed.FILL)}:
        if available.get(purse) != left[purse]:
            yield f"M11 {purse} has {available.get(purse)} left, its holders know of {left[purse]}"
