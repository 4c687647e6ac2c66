"""The neighbours of one placement: small idempotent machines for the service's own steps to call.

`Neighbours` is one moment of them: frozen, hashable, equal when nothing can tell the difference. A
`Town` is such a moment while it changes: it implements `Carts`, `Stock` and `Payments`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from comptoir_orders.clients import PaymentStatus, PaymentView, Place
from comptoir_orders.domain.orders import Delivery, DeliveryMode, OrderLine, Quote, Totals
from comptoir_orders.domain.sourcing import Offer, Plan, Promised
from comptoir_orders.errors import OutcomeUnknown
from comptoir_runtime.errors import FailedPrecondition, RemoteFailure

SKU, SITE = "LAST", "warehouse"
TOTAL = 100


class Way(StrEnum):
    """What becomes of a call."""

    OK = "ok"
    DROPPED = "dropped"
    """The request never arrives."""
    MUTE = "mute"
    """It has its effect; the answer never arrives."""
    LATE = "late"
    """No answer in time; the request arrives some time later."""
    TWICE = "twice"
    """Answered; the request arrives a second time, some time later."""
    NO = "no"
    """Refused for a reason of the buyer's own: the cart was changed meanwhile. Of locks alone."""
    LATE_NO = "late, then no"
    """No answer in time; asked again, it is refused like that, and the first one arrives later."""


class Held(StrEnum):
    """Of a reservation."""

    HELD = "held"
    KEPT = "kept"
    RELEASED = "released"
    EXPIRED = "expired"


Message = tuple[str, ...]
"""A request that is still under way: the procedure and what it names."""


class Others(NamedTuple):
    """What other placements have, as far as it is in the way."""

    unit: bool = False
    cart: bool = False
    """Another one holds the same cart."""
    ordered: bool = False
    """The same cart has become another order."""


class Neighbours(NamedTuple):
    """What they keep for one placement. Sorted tuples instead of mappings: equal must be equal."""

    cart: bool = False
    """Whether the placement holds its cart."""
    over: bool = False
    """Whether it gave its cart back: then it never locks it again."""
    stock: tuple[tuple[str, str], ...] = ()
    """Key of the reservation and where it stands; there is one unit."""
    money: tuple[tuple[str, str], ...] = ()
    """Key of the payment and where it stands."""
    late: frozenset[Message] = frozenset()
    told: frozenset[str] = frozenset()
    """Payments that are authorised, which orders have not heard of yet."""


ACTIVE = (Held.HELD, Held.KEPT)


def lost() -> OutcomeUnknown:
    return OutcomeUnknown("no answer", metadata={"reason": "UNAVAILABLE"})


def refused(reason: str) -> RemoteFailure:
    return RemoteFailure(
        "no", reason=reason, status=FailedPrecondition.status, domain="comptoir.model"
    )


class Town:
    """The neighbours while a step is taken: `way` is what becomes of its calls, `says` what a
    provider answers to a payment it has not seen before.
    """

    cart: bool
    over: bool
    stock: dict[str, str]
    money: dict[str, str]
    late: set[Message]
    told: set[str]
    others: Others
    way: Way
    says: PaymentStatus
    calls: int
    """How often something was asked for in this step."""

    def become(self, now: Neighbours, others: Others, way: Way, says: PaymentStatus) -> None:
        """Starts anew from a moment."""
        self.cart, self.over = now.cart, now.over
        self.stock = dict(now.stock)
        self.money = dict(now.money)
        self.late = set(now.late)
        self.told = set(now.told)
        self.others, self.way, self.says, self.calls = others, way, says, 0

    def frozen(self) -> Neighbours:
        return Neighbours(
            self.cart,
            self.over,
            tuple(sorted(self.stock.items())),
            tuple(sorted(self.money.items())),
            frozenset(message for message in self.late if self._may_matter(message)),
            frozenset(self.told),
        )

    # --- carts ---------------------------------------------------------------------------------

    async def lock(self, cart: str, checkout: str, etag: str, quote: str, buyer: str) -> Quote:
        self._call("lock")
        return _quote(cart)

    async def unlock(self, cart: str, checkout: str) -> None:
        self._call("unlock")

    async def price(
        self, channel: str, currency: str, customer: str, units: Iterable[tuple[str, int]]
    ) -> Quote:
        raise NotImplementedError("placements ask for no prices")

    # --- stock ---------------------------------------------------------------------------------

    async def available(
        self, skus: Sequence[str], channel: str, *, store: str = "", fresh: bool = True
    ) -> Mapping[str, Offer]:
        self._question()
        return {SITE: Offer({SKU: self.free()})}

    async def places(self) -> Mapping[str, Place]:
        return {}

    async def reserve(
        self, key: str, owner: str, channel: str, plan: Plan, time_to_live: timedelta
    ) -> Promised:
        self._call("reserve", key)
        return Promised(key)

    async def keep(self, reservation: str) -> None:
        self._call("keep", reservation)

    async def release(self, key: str, reservation: str) -> None:
        self._call("release", reservation)

    async def sell(self, key: str, owner: str, plan: Plan) -> str:
        raise NotImplementedError("placements sell nothing")

    def free(self) -> int:
        return 1 - self.others.unit - sum(each in ACTIVE for each in self.stock.values())

    # --- payments ------------------------------------------------------------------------------

    async def authorise(
        self,
        key: str,
        *,
        order: str,
        payer: str,
        amount: int,
        currency: str,
        method: str,
        token: str,
        return_url: str,
        channel: str,
    ) -> PaymentView:
        self._call("authorise", key, str(amount))
        return self._view(key, amount)

    async def ask(self, key: str, payment: str) -> PaymentView:
        self._question()
        return self._view(payment, self._amount(payment))

    async def get(self, payment: str) -> PaymentView:
        self._question()
        return self._view(payment, self._amount(payment))

    async def find(self, order: str) -> list[PaymentView]:
        self._question()
        return [self._view(key, self._amount(key)) for key in sorted(self.money, reverse=True)]

    async def void(self, key: str, payment: str) -> PaymentView:
        self._call("void", payment)
        return self._view(payment, self._amount(payment))

    async def refund(self, key: str, payment: str, amount: int, currency: str) -> None:
        raise NotImplementedError("nothing is taken before an order stands")

    async def capture(self, key: str, payment: str, amount: int, currency: str) -> PaymentView:
        raise NotImplementedError("nothing is taken before an order stands")

    async def record_till(
        self,
        key: str,
        *,
        order: str,
        payer: str,
        amount: int,
        currency: str,
        tender: str,
        reference: str,
        location: str,
    ) -> str:
        raise NotImplementedError("placements are paid to no till")

    @staticmethod
    def _amount(payment: str) -> int:
        return int(payment.rsplit("#", 1)[1])

    def _view(self, key: str, amount: int) -> PaymentView:
        payment = key if "#" in key else f"{key}#{amount}"
        status = PaymentStatus(self.money[payment])
        kept = amount if status is PaymentStatus.AUTHORISED else 0
        return PaymentView(payment, status, kept, "EUR")

    # --- what becomes of a call ----------------------------------------------------------------

    def _question(self) -> None:
        """Has no effect: late, it is as good as dropped."""
        if self.way in (Way.DROPPED, Way.MUTE, Way.LATE):
            raise lost()

    def _call(self, *message: str) -> None:
        self.calls += 1
        if self.way is Way.DROPPED:
            raise lost()
        if self.way is Way.LATE or (self.way is Way.LATE_NO and self.calls == 1):
            self.late.add(message)
            raise lost()
        if self.way in (Way.NO, Way.LATE_NO):
            raise refused("CART_CHANGED")
        if self.way is Way.TWICE:
            self.late.add(message)
        self.arrive(message)
        if self.way is Way.MUTE:
            raise lost()

    def arrive(self, message: Message) -> None:
        """The request has its effect, once however often it arrives. Raises what it refuses."""
        procedure, *names = message
        _EFFECTS[procedure](self, *names)

    def _may_matter(self, message: Message) -> bool:
        """Whether a request can still have an effect: a copy of one that had it never will."""
        procedure, *names = message
        match procedure:
            case "lock":
                return not (self.cart or self.over)
            case "unlock":
                return not self.over
            case "reserve":
                return names[0] not in self.stock
            case "keep":
                return self.stock[names[0]] == Held.HELD
            case "release":
                return self.stock[names[0]] in ACTIVE
            case "authorise":
                return "#".join(names) not in self.money
        return True

    def _locked(self) -> None:
        if self.over or self.others.cart:
            raise refused("CART_NOT_OPEN")
        self.cart = True

    def _unlocked(self) -> None:
        self.cart, self.over = False, True

    def _reserved(self, key: str) -> None:
        if key not in self.stock:
            if self.free() == 0:
                raise refused("OUT_OF_STOCK")
            self.stock[key] = Held.HELD

    def _kept(self, key: str) -> None:
        if self.stock[key] not in ACTIVE:
            raise refused("RESERVATION_ENDED")
        self.stock[key] = Held.KEPT

    def _released(self, key: str) -> None:
        if self.stock[key] in ACTIVE:
            self.stock[key] = Held.RELEASED

    def _authorised(self, key: str, amount: str) -> None:
        payment = f"{key}#{amount}"
        if payment not in self.money:
            self.settle(payment, self.says)
        if self.money[payment] == PaymentStatus.ENDED:
            raise refused("PAYMENT_DECLINED")

    def _voided(self, payment: str) -> None:
        if self.money[payment] == PaymentStatus.UNKNOWN:
            raise lost()
        self.money[payment] = PaymentStatus.ENDED

    def settle(self, payment: str, status: PaymentStatus) -> None:
        """The provider, or the payer, has decided."""
        self.money[payment] = status
        if status is PaymentStatus.AUTHORISED:
            self.told.add(payment)


_EFFECTS: dict[str, Callable[..., None]] = {
    "lock": Town._locked,
    "unlock": Town._unlocked,
    "reserve": Town._reserved,
    "keep": Town._kept,
    "release": Town._released,
    "authorise": Town._authorised,
    "void": Town._voided,
}

_QUOTES: dict[str, Quote] = {}


def _quote(cart: str) -> Quote:
    if cart not in _QUOTES:
        line = OrderLine("lin_1", SKU, "the last", 1, TOTAL, 0, TOTAL, 0, "0")
        _QUOTES[cart] = Quote(
            fingerprint="shown",
            cart=cart,
            owner="cus_1",
            channel="web",
            currency="EUR",
            lines=(line,),
            totals=Totals(TOTAL, 0, 0, 0, TOTAL),
            delivery=Delivery(DeliveryMode.SHIP),
        )
    return _QUOTES[cart]
