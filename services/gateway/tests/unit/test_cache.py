import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from comptoir.inventory.v1 import events_pb2, stock_pb2
from comptoir_gateway.cache import Answers, News, StockBook
from comptoir_gateway.cache.answers import MAX_AGE_SECONDS
from comptoir_gateway.cache.news import SETTLING_SECONDS
from comptoir_gateway.cache.stock import Place
from comptoir_runtime.addresses import Point
from comptoir_runtime.bus import Bus

PRICE_OF_A = ("price", "A")


class FakeBus:
    """A connection that a test takes away and gives back."""

    def __init__(self) -> None:
        self.is_connected = True
        self._observers: list[Callable[[], None]] = []

    def on_change(self, observer: Callable[[], None]) -> Callable[[], None]:
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def change(self, *, connected: bool) -> None:
        self.is_connected = connected
        for observer in self._observers:
            observer()


class FakeTime:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.fixture
async def news(bus: FakeBus, time: FakeTime) -> News:
    """Caught up with an empty past."""
    made = News(cast(Bus, bus), StockBook(), clock=time)
    made.caught_up()
    return made


@pytest.fixture
async def answers(news: News, time: FakeTime) -> Answers[str, bytes]:
    return Answers("test", news, max_bytes=100, size=len, clock=time)


class TestAnswers:
    async def test_what_was_kept_is_answered(
        self, answers: Answers[str, bytes], news: News
    ) -> None:
        answers.put("a", b"19.99", news.now, [PRICE_OF_A])
        assert answers.get("a") == b"19.99"
        assert answers.get("b") is None

    async def test_a_change_of_what_it_was_made_from_drops_it(
        self, answers: Answers[str, bytes], news: News
    ) -> None:
        answers.put("a", b"19.99", news.now, [PRICE_OF_A])
        news.tick(("price", "B"))
        assert answers.get("a") == b"19.99"
        news.tick(PRICE_OF_A)
        assert answers.get("a") is None

    async def test_an_answer_that_was_overtaken_while_being_made_is_not_kept(
        self, answers: Answers[str, bytes], news: News
    ) -> None:
        began = news.now
        news.tick(PRICE_OF_A)
        answers.put("a", b"old", began, [PRICE_OF_A])
        assert answers.get("a") is None

    async def test_no_answer_is_kept_for_long(
        self, answers: Answers[str, bytes], news: News, time: FakeTime
    ) -> None:
        answers.put("a", b"x", news.now, [])
        time.seconds += MAX_AGE_SECONDS - 0.1
        assert answers.get("a") == b"x"
        time.seconds += 0.2
        assert answers.get("a") is None

    async def test_the_least_used_goes_when_there_are_too_many_bytes(
        self, answers: Answers[str, bytes], news: News
    ) -> None:
        for key in ("a", "b"):
            answers.put(key, b"x" * 40, news.now, [])
        assert answers.get("a") is not None
        answers.put("c", b"x" * 40, news.now, [])
        assert (answers.get("a") is None, answers.get("b") is None) == (False, True)

    async def test_an_answer_that_is_too_large_for_all_is_not_kept(
        self, answers: Answers[str, bytes], news: News
    ) -> None:
        answers.put("a", b"x" * 101, news.now, [])
        assert answers.get("a") is None

    async def test_nothing_is_kept_before_the_past_is_known(
        self, bus: FakeBus, time: FakeTime
    ) -> None:
        early = News(cast(Bus, bus), StockBook(), clock=time)
        answers: Answers[str, bytes] = Answers("t", early, max_bytes=9, size=len, clock=time)
        answers.put("a", b"x", early.now, [])
        early.caught_up()
        assert answers.get("a") is None

    async def test_a_lost_connection_makes_everything_worthless(
        self, answers: Answers[str, bytes], news: News, bus: FakeBus, time: FakeTime
    ) -> None:
        answers.put("a", b"x", news.now, [])
        bus.change(connected=False)
        assert (news.live, answers.get("a")) == (False, None)
        bus.change(connected=True)
        assert (news.live, answers.get("a")) == (False, None)
        time.seconds += SETTLING_SECONDS
        assert (news.live, answers.get("a")) == (True, None)


def availability(sku: str, **by_location: int) -> events_pb2.AvailabilityState:
    levels = [
        stock_pb2.StockLevel(location=code, available=units) for code, units in by_location.items()
    ]
    figures = stock_pb2.Availability(
        sku=sku, available=sum(by_location.values()), levels=levels, revision=3
    )
    return events_pb2.AvailabilityState(sku=sku, availability=figures)


def store(code: str, latitude: float, longitude: float, **more: object) -> stock_pb2.Location:
    location = stock_pb2.Location(
        code=code, kind=stock_pb2.Location.KIND_STORE, name=f"Store {code}", active=True
    )
    location.address.city = code
    location.address.point.latitude = latitude
    location.address.point.longitude = longitude
    for name, value in more.items():
        setattr(location, name, value)
    return location


class TestStockBook:
    def test_a_sku_nobody_stocked_has_nothing(self) -> None:
        stock = StockBook().stock("A", "web")
        figures = stock_pb2.Availability.FromString(stock.message)
        assert (figures.sku, figures.available, figures.revision) == ("A", 0, 0)

    def test_the_latest_figures_count(self) -> None:
        book = StockBook()
        book.learn_stock(availability("A", lyon=5))
        book.learn_stock(availability("A", lyon=1, paris=2))
        stock = book.stock("A", "web")
        figures = stock_pb2.Availability.FromString(stock.message)
        assert (figures.available, figures.revision, list(figures.levels)) == (3, 3, [])
        assert stock.by_location == {"lyon": 1, "paris": 2}

    def test_a_location_counts_for_the_channels_that_it_serves(self) -> None:
        book = StockBook()
        told = availability("A", lyon=5, paris=2)
        for level, units, seconds in zip(told.availability.levels, (9, 4), (100, 50), strict=True):
            level.backorder_available, level.expected_time.seconds = units, seconds
        told.availability.backorder_available = 13
        told.availability.expected_time.seconds = 50
        book.learn_stock(told)
        served = store("paris", 48.86, 2.35)
        served.channels.append("store")
        book.learn_location(served)

        def shown(channel: str) -> tuple[int, int, int, dict[str, int]]:
            stock = book.stock("A", channel)
            total = stock_pb2.Availability.FromString(stock.message)
            beyond, at = total.backorder_available, total.expected_time.seconds
            return total.available, beyond, at, stock.by_location

        assert shown("store") == (7, 13, 50, {"lyon": 5, "paris": 2})
        assert shown("web") == (5, 9, 100, {"lyon": 5})
        served.ClearField("channels")
        book.learn_location(served)
        assert shown("web") == (7, 13, 50, {"lyon": 5, "paris": 2})

    def test_only_active_stores_with_a_place_are_shown(self) -> None:
        book = StockBook()
        book.learn_location(store("lyon", 45.76, 4.84))
        book.learn_location(store("closed", 45.76, 4.84, active=False))
        book.learn_location(store("depot", 45.76, 4.84, kind=stock_pb2.Location.KIND_WAREHOUSE))
        book.learn_location(
            stock_pb2.Location(code="nowhere", kind=stock_pb2.Location.KIND_STORE, active=True)
        )
        assert book.stores == {"lyon": Place("lyon", "Store lyon", "lyon", Point(45.76, 4.84))}
        book.learn_location(store("lyon", 45.76, 4.84, active=False))
        assert book.stores == {}


async def test_closing_forgets_the_bus(bus: FakeBus) -> None:
    news = News(cast(Bus, bus), StockBook())
    await news.close()
    now = news.now
    bus.change(connected=False)
    await asyncio.sleep(0)
    assert news.now == now
