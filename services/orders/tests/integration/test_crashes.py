"""The driver is killed at every point there is; somebody else finishes or undoes, always."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from comptoir_orders.domain.placement import TERMINAL, State
from comptoir_orders.domain.tenders import TenderChoice
from comptoir_orders.operations.placing import place_order
from comptoir_orders.store import orders as order_store
from comptoir_orders.store.orders import Filter
from comptoir_runtime.clock import Clock, ManualClock
from comptoir_runtime.database import Database, Session, Transactions
from comptoir_runtime.errors import Failure
from comptoir_runtime.idempotency import RequestKey
from services.orders.tests import factories
from services.orders.tests.integration.checkout import outbox
from services.orders.tests.integration.conftest import Replica
from services.orders.tests.neighbours import Hook, Town, nothing
from services.orders.tests.stock import LYON

T = TypeVar("T")


class Killer:
    """Counts the points a driver passes, and kills its task at one of them."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.passed: list[str] = []
        self.killed_at = ""

    async def __call__(self, point: str) -> None:
        self.passed.append(point)
        self.left -= 1
        if self.left == 0:
            self.killed_at = point
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)  # the cancellation arrives here


class KillableTransactions:
    """Transactions with a point right before and right after whatever takes effect."""

    def __init__(self, transactions: Transactions, killer: Hook) -> None:
        self._transactions = transactions
        self._killer = killer
        self.clock: Clock = transactions.clock

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Session]:
        """Statements that commit themselves: before, or after."""
        await self._killer("statement")
        async with self._transactions.reading() as session:
            yield session
        await self._killer("statement done")

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Session]:
        async with self._transactions() as session:
            yield session
            await self._killer("commit")
        await self._killer("commit done")

    async def run(self, body: Callable[[Session], Awaitable[T]]) -> T:
        async with self() as session:
            return await body(session)


def asked(cart: str) -> RequestKey:
    return RequestKey("", "cus_test", f"req-{cart}", b"body")


def tenders_of(token: str) -> tuple[TenderChoice, ...]:
    """A card; after "gift+" a gift card before it."""
    gift, plus, card = token.rpartition("+")
    tenders = (TenderChoice("card", card),)
    return (TenderChoice("gift_card", "GIFT-1", 3000), *tenders) if plus and gift else tenders


async def begin(replica: Replica, cart: str, token: str) -> None:
    """Places an order and waits until its driver has come to its end, whichever."""
    placing = asyncio.ensure_future(
        place_order(
            replica.transactions,
            replica.runner,
            asked(cart),
            factories.intent(cart, tenders=tenders_of(token)),
            5.0,
        )
    )
    await asyncio.wait({placing})
    if not placing.cancelled():
        placing.exception()
    await replica.runner.stop()


# A killed driver's transaction is rolled back behind its back; its rows are locked until then, and
# a worker passes over locked rows.
_OPEN_TRANSACTIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"""


async def rolled_back(database: Database) -> None:
    async with database.transactions.reading() as session:
        while await session.fetchval(_OPEN_TRANSACTIONS):  # noqa: ASYNC110 - the server's doing
            await asyncio.sleep(0.001)


async def survive(database: Database, town: Town, clock: ManualClock) -> None:
    """Another replica takes over, as often as it takes."""
    await rolled_back(database)
    town.at = nothing
    town.stock.sold_out = False
    rescuer = Replica(database.transactions, town)
    for seconds in (16, 60, 16 * 60, 300):
        clock.advance(seconds)
        await rescuer.work()


async def killed_once_at(
    number: int, database: Database, town: Town, clock: ManualClock, cart: str, token: str
) -> Killer:
    killer = Killer(number)
    town.at = killer
    town.carts.add(factories.quote(cart))
    doomed = Replica(KillableTransactions(database.transactions, killer), town)  # type: ignore[arg-type]  # what a driver uses of it
    await begin(doomed, cart, token)
    await survive(database, town, clock)
    return killer


_STATE_OF_CART = "SELECT state FROM process WHERE document -> 'intent' ->> 'cart' = $1"


async def outcome(database: Database, cart: str) -> tuple[State | None, int]:
    """Where the placement of a cart ended, and how many orders came of the cart."""
    async with database.transactions.reading() as session:
        state = await session.fetchval(_STATE_OF_CART, cart)
        orders = await order_store.page(session, Filter(), 1000, None)
    return None if state is None else State(state), sum(order.cart == cart for order in orders)


class TestKilledAtEveryPoint:
    @pytest.mark.parametrize(
        "token",
        ["tok_ok", "tok_decline", "tok_wrong", "tok_3ds", "gift+tok_ok", "gift+tok_decline"],
    )
    async def test_it_ends_placed_with_everything_or_failed_with_nothing(
        self, database: Database, town: Town, clock: ManualClock, token: str
    ) -> None:
        ends: dict[str, State | None] = {}
        parts, placed = len(tenders_of(token)), 0
        for number in range(1, 100):
            town.payments.cards["GIFT-1"] = 3000
            cart = f"crt_{number}"
            kept_before = len(town.payments.kept())
            held_before = len(town.stock.held())
            killer = await killed_once_at(number, database, town, clock, cart, token)
            state, orders = await outcome(database, cart)

            where = f"killed at {number}: {killer.killed_at} after {killer.passed}"
            ends[f"{number} {killer.killed_at}"] = state
            kept = len(town.payments.kept()) - kept_before
            held = len(town.stock.held()) - held_before
            locked = cart in town.carts.held
            if state is State.PLACED:
                assert (orders, kept, held, locked) == (1, parts, 1, True), where
                assert town.payments.cards["GIFT-1"] == (0 if parts == 2 else 3000), where
            else:
                assert town.payments.cards["GIFT-1"] == 3000, where
                assert len(town.carts.redeemed.get("BIENVENUE", ())) == placed, where
                # None: it was killed before anything was written.
                assert state in (State.FAILED, None), where
                assert (orders, kept, held, locked) == (0, 0, 0, False), where
            placed += state is State.PLACED
            if not killer.killed_at:
                break
        else:
            raise AssertionError("the points never end")

        points = len(ends) - 1
        assert points >= 10, ends
        if token.endswith("tok_ok"):
            # Nothing is lost but what nobody has written down.
            assert list(ends.values()).count(State.PLACED) >= points - 1
        else:
            assert State.PLACED not in ends.values()

    async def test_what_was_being_undone_is_not_taken_up_again(
        self, database: Database, town: Town, clock: ManualClock
    ) -> None:
        """Refused for want of stock; when the successor looks, there would be enough."""
        for number in range(1, 100):
            cart = f"crt_{number}"
            kept_before = len(town.payments.kept())
            town.stock.sold_out = True
            killer = await killed_once_at(number, database, town, clock, cart, "tok_ok")
            state, orders = await outcome(database, cart)
            placed = state is State.PLACED
            kept = len(town.payments.kept()) - kept_before
            assert (orders, kept, cart in town.carts.held) == (placed, placed, placed), (
                killer.passed
            )
            if "unlock" in killer.passed:
                assert not placed, killer.passed
            if not killer.killed_at:
                break
        assert "unlock" in killer.passed

    @pytest.mark.parametrize("seed", range(3))
    async def test_whoever_takes_over_may_be_killed_too(
        self, database: Database, town: Town, clock: ManualClock, seed: int
    ) -> None:
        chance = random.Random(seed)
        for number in range(15):
            cart = f"crt_{number}"
            town.carts.add(factories.quote(cart))
            kept_before, held_before = len(town.payments.kept()), len(town.stock.held())
            token = chance.choice(["tok_ok", "tok_decline", "tok_wrong", "tok_3ds"])
            for attempt in range(4):
                killer = town.at = Killer(chance.randint(1, 20))
                doomed = Replica(KillableTransactions(database.transactions, killer), town)  # type: ignore[arg-type]  # what a driver uses of it
                if attempt == 0:
                    await begin(doomed, cart, token)
                else:
                    await rolled_back(database)
                    clock.advance(16)
                    await asyncio.wait({asyncio.ensure_future(doomed.work())})
            await survive(database, town, clock)

            state, orders = await outcome(database, cart)
            placed = state is State.PLACED
            kept = len(town.payments.kept()) - kept_before
            held = len(town.stock.held()) - held_before
            assert state in (State.PLACED, State.FAILED, None)
            assert (orders, kept, held, cart in town.carts.held) == (placed,) * 4

    async def test_an_old_interruption_is_undone_instead_of_finished(
        self, database: Database, town: Town, clock: ManualClock
    ) -> None:
        town.stock.units = {LYON: {"KETTLE": 1000, "LAMP": 1000}}
        for number in range(2, 100):
            cart = f"crt_{number}"
            killer = Killer(number)
            town.at = killer
            town.carts.add(factories.quote(cart))
            doomed = Replica(KillableTransactions(database.transactions, killer), town)  # type: ignore[arg-type]  # what a driver uses of it
            await begin(doomed, cart, "tok_ok")
            clock.advance(150)
            await survive(database, town, clock)
            state, orders = await outcome(database, cart)
            if not killer.killed_at or state is State.PLACED:
                break
            if state is not None:
                assert (state, orders, town.holds_nothing()) == (State.FAILED, 0, True), (
                    killer.passed
                )
        assert number >= 10

    async def test_money_a_killed_driver_asked_for_is_given_up_when_the_stock_is_silent_afterwards(
        self, database: Database, town: Town, clock: ManualClock
    ) -> None:
        async def killed(point: str) -> None:
            if point == "authorise done":
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
                await asyncio.sleep(0)

        town.at = killed
        town.carts.add(factories.quote())
        await begin(Replica(database.transactions, town), "crt_1", "tok_ok")
        assert len(town.payments.kept()) == 1
        clock.advance(16)
        town.fails("reserve", times=3)

        await Replica(database.transactions, town).work()

        assert await outcome(database, "crt_1") == (State.FAILED, 0)
        assert town.holds_nothing()


class Sleeper:
    """Stops a driver at a point, as SIGSTOP does, until it is woken."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.point = ""
        self.asleep, self.wake = asyncio.Event(), asyncio.Event()

    async def __call__(self, point: str) -> None:
        self.left -= 1
        if self.left == 0:
            self.point = point
            self.asleep.set()
            await self.wake.wait()


class TestZombies:
    @pytest.mark.parametrize("token", ["gift+tok_ok", "gift+tok_decline", "tok_3ds"])
    async def test_f34_one_that_wakes_up_after_the_end_changes_nothing(
        self, database: Database, town: Town, clock: ManualClock, token: str
    ) -> None:
        """Stopped at every point in turn, before and after each call and each write."""
        stopped = 0
        for number in range(1, 100):
            cart = f"crt_{number}"
            town.payments.cards["GIFT-1"] = 3000
            town.carts.add(factories.quote(cart))
            kept, held = len(town.payments.kept()), len(town.stock.held())
            sleeper = town.at = Sleeper(number)
            transactions = KillableTransactions(database.transactions, sleeper)
            zombie = Replica(transactions, town)  # type: ignore[arg-type]  # what a driver uses of it
            begun = asyncio.create_task(begin(zombie, cart, token))
            asleep = asyncio.create_task(sleeper.asleep.wait())
            await asyncio.wait({begun, asleep}, return_when=asyncio.FIRST_COMPLETED)
            asleep.cancel()
            town.at = nothing
            # Whoever sleeps in the middle of a statement keeps its row; the others wait for it.
            if sleeper.point and sleeper.point != "commit":
                await survive(database, town, clock)
            ended = await outcome(database, cart)
            events = await outbox(database)
            sleeper.wake.set()
            await begun

            where = f"stopped at {number}: {sleeper.point}"
            if not sleeper.point:
                break
            if ended[0] in TERMINAL:
                stopped += 1
                assert await outcome(database, cart) == ended, where
                assert await outbox(database) == events, where
            await survive(database, town, clock)
            placed = (await outcome(database, cart))[0] is State.PLACED
            parts = len(tenders_of(token)) if placed else 0
            assert len(town.payments.kept()) - kept == parts, where
            assert len(town.stock.held()) - held == placed, where
            assert (cart in town.carts.held) == placed, where
            assert town.payments.cards["GIFT-1"] == (0 if placed and parts == 2 else 3000), where
        assert stopped >= 10


class TestCallersWhoGoAway:
    async def test_f35_the_driver_goes_on_and_no_connection_is_lost(
        self, database: Database, town: Town, clock: ManualClock
    ) -> None:
        replica = Replica(database.transactions, town)
        for number in range(1, 30):
            cart = f"crt_{number}"
            town.carts.add(factories.quote(cart))
            sleeper = town.at = Sleeper(number)
            caller = asyncio.create_task(begin_only(replica, cart))
            asleep = asyncio.create_task(sleeper.asleep.wait())
            await asyncio.wait({caller, asleep}, return_when=asyncio.FIRST_COMPLETED)
            asleep.cancel()
            caller.cancel()
            await asyncio.wait({caller})
            sleeper.wake.set()
            await replica.runner.stop()

            assert await outcome(database, cart) == (State.PLACED, 1), sleeper.point
            if not sleeper.point:
                break
        await rolled_back(database)
        assert number > 5


async def begin_only(replica: Replica, cart: str) -> None:
    """Whoever called waits, and is cancelled with its call."""
    await place_order(
        replica.transactions, replica.runner, asked(cart), factories.intent(cart), 5.0
    )


async def test_a_failure_is_told_again_after_a_crash(
    database: Database, town: Town, clock: ManualClock
) -> None:
    await killed_once_at(12, database, town, clock, "crt_1", "tok_decline")
    replica = Replica(database.transactions, town)

    with pytest.raises(Failure) as refused:
        await place_order(
            replica.transactions,
            replica.runner,
            asked("crt_1"),
            factories.intent("crt_1", token="tok_decline"),
            1.0,
        )

    assert refused.value.reason == "PAYMENT_DECLINED"
