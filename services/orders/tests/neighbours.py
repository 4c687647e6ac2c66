"""The neighbours, in memory: they keep their promises about keys, and can be told to fail.

`town.at` is called with a name before and after each effect ("authorise", "authorise done"); a
test replaces it to fail, to stop or to count. What a neighbour holds is looked at by `audit`.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace

from comptoir_orders.clients import PaymentStatus, PaymentView
from comptoir_orders.domain.orders import Quote
from comptoir_orders.errors import NotYourCart
from comptoir_runtime.errors import NotFound
from services.orders.tests import factories
from services.orders.tests.answers import lost, refusal
from services.orders.tests.stock import FakeStock

Hook = Callable[[str], Awaitable[None]]


async def nothing(_: str) -> None:
    """Lets everything pass."""


class Town:
    """All neighbours of one test."""

    def __init__(self) -> None:
        self.at: Hook = nothing
        self.carts = FakeCarts(self)
        self.stock = FakeStock(self)
        self.payments = FakePayments(self)

    def fails(self, *points: str, times: int = 10**6) -> None:
        """Loses the answer at these points, so many times."""
        left = times

        async def fail(point: str) -> None:
            nonlocal left
            if point in points and left > 0:
                left -= 1
                raise lost(point)

        self.at = fail

    def works(self) -> None:
        self.at = nothing

    def holds_nothing(self) -> bool:
        """No cart locked, no stock held, no money kept."""
        return not (self.carts.held or self.stock.held() or self.payments.kept())


# The running test's; the service under test is built in the middle of it.
towns: list[Town] = []


def the_town() -> Town:
    """The neighbours of the test that runs."""
    return towns[-1]


class FakeCarts:
    def __init__(self, town: Town) -> None:
        self._town = town
        self.quotes: dict[str, Quote] = {}
        self.held: dict[str, str] = {}
        self.over: set[str] = set()
        self.redeemed: dict[str, list[str]] = {}
        """Which checkouts use each coupon now."""
        self.locks = 0
        self.prices: dict[str, int] = {"KETTLE": 2500, "LAMP": 2000}

    def add(self, quote: Quote) -> Quote:
        self.quotes[quote.cart] = quote
        return quote

    async def lock(self, cart: str, checkout: str, etag: str, quote: str, buyer: str) -> Quote:
        await self._town.at("lock")
        self.locks += 1
        if cart not in self.quotes:
            raise NotFound("there is no such cart")
        found = self.quotes[cart]
        if buyer and buyer != found.owner:
            raise NotYourCart("this cart belongs to somebody else")
        if checkout in self.over:
            raise refusal("CHECKOUT_CLOSED")
        if self.held.get(cart, checkout) != checkout:
            raise refusal("CART_NOT_OPEN")
        if quote != found.fingerprint:
            raise refusal("QUOTE_CHANGED", quote=found.fingerprint)
        if cart not in self.held:
            for code in found.coupons:
                self.redeemed.setdefault(code, []).append(checkout)
        self.held[cart] = checkout
        await self._town.at("lock done")
        return found

    async def unlock(self, cart: str, checkout: str) -> None:
        await self._town.at("unlock")
        self.over.add(checkout)
        if self.held.get(cart) == checkout:
            del self.held[cart]
            for users in self.redeemed.values():
                users.remove(checkout)
        await self._town.at("unlock done")

    async def price(
        self, channel: str, currency: str, customer: str, units: Iterable[tuple[str, int]]
    ) -> Quote:
        await self._town.at("price")
        lines = tuple(factories.line(sku, units, self.prices[sku]) for sku, units in units)
        return replace(
            factories.quote("", owner=customer, lines=lines, shipping=0, channel=channel),
            currency=currency,
            coupons=(),
        )


@dataclass
class FakePayment:
    view: PaymentView
    order: str
    amount: int
    card: str = ""
    """Code of the gift card it is held on."""
    voided: bool = False
    captured: dict[str, int] = field(default_factory=dict)
    refunded: dict[str, int] = field(default_factory=dict)

    @property
    def now(self) -> PaymentView:
        taken, given_back = sum(self.captured.values()), sum(self.refunded.values())
        return replace(self.view, captured=taken, refunded=given_back)


class FakePayments:
    """Tokens: tok_ok, tok_decline, tok_3ds, tok_unknown (says so), tok_wrong (another amount),
    tok_once (captured once).

    The token of a gift card is its code; what a payment holds is missing from its balance.
    """

    def __init__(self, town: Town) -> None:
        self._town = town
        self.by_id: dict[str, FakePayment] = {}
        self.by_key: dict[str, str] = {}
        self.cards: dict[str, int] = {}
        self.asked = 0
        self.asked_for: list[tuple[str, str, int]] = []
        """Key, method and amount of each request."""
        self.channels: dict[str, str] = {}
        """What each key was said to be bought on."""
        self.given_up: list[str] = []

    def kept(self) -> list[FakePayment]:
        return [
            payment
            for payment in self.by_id.values()
            if not payment.voided
            and payment.view.status is not PaymentStatus.ENDED
            and (not payment.captured or payment.now.left_to_refund > 0)
        ]

    def settle(self, payment: str, status: PaymentStatus, decline_code: str = "") -> None:
        """The payer, or the provider, has decided."""
        found = self.by_id[payment]
        authorised = found.amount if status is PaymentStatus.AUTHORISED else 0
        found.view = replace(
            found.view,
            status=status,
            authorised=authorised,
            action_url="",
            decline_code=decline_code,
        )

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
        await self._town.at("authorise")
        self.asked += 1
        self.asked_for.append((key, method, amount))
        assert self.channels.setdefault(key, channel) == channel, "another body under the same key"
        card = token if method == "gift_card" else ""
        if key not in self.by_key:
            payment = f"pay_{len(self.by_id) + 1}"
            if card and self.cards[card] < amount:
                token = "tok_decline"
            elif card:
                self.cards[card] -= amount
            self.by_key[key] = payment
            self.by_id[payment] = FakePayment(
                _first_view(payment, token, amount, currency), order, amount, card
            )
        found = self.by_id[self.by_key[key]]
        assert (found.order, found.amount) == (order, amount), "another body under the same key"
        await self._town.at("authorise done")
        if token == "tok_decline":
            raise refusal("PAYMENT_DECLINED", decline_code="insufficient_funds", retryable="true")
        return found.view

    async def ask(self, key: str, payment: str) -> PaymentView:
        await self._town.at("ask")
        return self.by_id[payment].now

    async def get(self, payment: str) -> PaymentView:
        await self._town.at("get")
        return self.by_id[payment].now

    async def find(self, order: str) -> list[PaymentView]:
        await self._town.at("find")
        return [each.now for each in reversed(self.by_id.values()) if each.order == order]

    async def void(self, key: str, payment: str) -> PaymentView:
        """What was taken stays taken: of a part, only the rest is given up."""
        await self._town.at("void")
        found = self.by_id[payment]
        taken = sum(found.captured.values())
        if taken and taken == found.view.authorised:
            raise refusal("PAYMENT_ALREADY_CAPTURED")
        if found.view.status is PaymentStatus.UNKNOWN:
            raise lost("void")
        if not found.voided:
            self.given_up.append(payment)
            if found.card and found.view.status is PaymentStatus.AUTHORISED:
                self.cards[found.card] += found.amount - taken
        found.voided = not taken
        status = found.view.status if taken else PaymentStatus.ENDED
        found.view = replace(found.view, status=status, authorised=taken)
        await self._town.at("void done")
        return found.now

    async def refund(self, key: str, payment: str, amount: int, currency: str) -> None:
        await self._town.at("refund")
        found = self.by_id[payment]
        if key not in found.refunded:
            assert amount <= found.now.left_to_refund, "more than was taken"
            found.refunded[key] = amount
        await self._town.at("refund done")

    async def capture(self, key: str, payment: str, amount: int, currency: str) -> PaymentView:
        await self._town.at("capture")
        found = self.by_id[payment]
        if key not in found.captured:
            taken = sum(found.captured.values())
            again = taken > 0 and found.view.single_capture
            if taken + amount > found.view.authorised or found.voided or again:
                raise refusal("CAPTURE_EXCEEDS_AUTHORISATION")
            found.captured[key] = amount
        await self._town.at("capture done")
        return found.now

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
        await self._town.at("record till")
        if key not in self.by_key:
            payment = f"pay_{len(self.by_id) + 1}"
            self.by_key[key] = payment
            view = PaymentView(payment, PaymentStatus.AUTHORISED, amount, currency)
            self.by_id[payment] = FakePayment(view, order, amount, captured={key: amount})
        await self._town.at("record till done")
        return self.by_key[key]


def _first_view(payment: str, token: str, amount: int, currency: str) -> PaymentView:
    match token:
        case "tok_decline":
            return PaymentView(payment, PaymentStatus.ENDED, 0, currency)
        case "tok_3ds":
            return PaymentView(
                payment,
                PaymentStatus.ACTION_REQUIRED,
                0,
                currency,
                action_url="https://bank.example/challenge",
            )
        case "tok_once":
            return PaymentView(
                payment, PaymentStatus.AUTHORISED, amount, currency, single_capture=True
            )
        case "tok_unknown":
            return PaymentView(payment, PaymentStatus.UNKNOWN, 0, currency)
        case "tok_wrong":
            return PaymentView(payment, PaymentStatus.AUTHORISED, amount + 1, currency)
    return PaymentView(payment, PaymentStatus.AUTHORISED, amount, currency)
