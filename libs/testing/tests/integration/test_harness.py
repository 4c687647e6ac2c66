from uuid import uuid4

import grpc
import psycopg
import pytest

from comptoir_local.databases import DatabaseServer
from comptoir_runtime.clock import ManualClock
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing import ServiceHarness, TokenFactory
from comptoir_testing.databases import Clones
from libs.testing.tests.sample.contracts import press, shelf
from libs.testing.tests.sample.examples import a_book


class TestCalls:
    async def test_an_answer_is_the_procedure_s_message(self, harness: ServiceHarness) -> None:
        request = shelf.AddBookRequest(title="Sarrasine")

        book = await harness.call("AddBook", request, harness.tokens.visitor())

        assert book == shelf.Book(book="1", title="Sarrasine", etag="1")

    async def test_a_refusal_is_a_failure_with_its_reason(self, harness: ServiceHarness) -> None:
        with pytest.raises(RemoteFailure) as caught:
            await harness.call("AddBook", shelf.AddBookRequest(), harness.tokens.visitor())

        assert caught.value.reason == "INVALID_FIELDS"
        assert [each.field for each in caught.value.violations] == ["title"]

    async def test_many_requests_get_one_answer(self, harness: ServiceHarness) -> None:
        requests = [shelf.AddBookRequest(title=title) for title in ("Séraphîta", "Gambara")]

        book = await harness.upload("UploadBooks", requests, harness.tokens.service("press"))

        assert (book.book, book.title) == ("2", "Gambara")

    async def test_a_stream_is_left_when_the_caller_stops(self, harness: ServiceHarness) -> None:
        request = shelf.WatchBookRequest(book=await a_book(harness))

        async for book in harness.watch("WatchBook", request):
            assert book.title == "Cousine Bette"
            break

    async def test_an_unknown_token_is_refused(self, harness: ServiceHarness) -> None:
        strange = TokenFactory().visitor()

        with pytest.raises(RemoteFailure) as caught:
            await harness.call("AddBook", shelf.AddBookRequest(title="Z"), strange)

        assert caught.value.status is grpc.StatusCode.UNAUTHENTICATED

    async def test_the_service_s_time_is_the_test_s(
        self, harness: ServiceHarness, clock: ManualClock
    ) -> None:
        before = clock.now()
        clock.advance(3600)

        assert (harness.service.runtime.clock.now() - before).total_seconds() == 3600


class TestEvents:
    async def test_the_outbox_is_read_in_order(self, harness: ServiceHarness) -> None:
        books = [await a_book(harness), await a_book(harness)]

        assert await harness.events() == [shelf.BookAdded(book=book) for book in books]
        assert await harness.events(press.TitlePrinted) == []

    async def test_a_delivered_event_runs_its_handler_once(self, harness: ServiceHarness) -> None:
        event, event_id = press.TitlePrinted(title="Gobseck", copies=2), uuid4()

        taken = [await harness.deliver(event, event_id=event_id) for _ in range(2)]

        assert taken == [True, False]
        assert len(await harness.events(shelf.BookAdded)) == 2

    async def test_an_event_nobody_subscribes_to_is_refused(self, harness: ServiceHarness) -> None:
        with pytest.raises(LookupError, match=r"does not subscribe to .*BookAdded"):
            await harness.deliver(shelf.BookAdded(book="1"))


class TestSnapshot:
    async def test_changes_are_told_by_table(self, harness: ServiceHarness) -> None:
        book = await a_book(harness)
        before = await harness.snapshot()
        await a_book(harness)
        more = await harness.snapshot()
        rename = shelf.RenameBookRequest(book=book, title="Facino Cane")
        await harness.call("RenameBook", rename, harness.tokens.customer("cus_ada"))
        other = await harness.snapshot()

        assert before.changes_to(more).splitlines() == [
            "book: 1 rows before, 2 after",
            "idempotency: 1 rows before, 2 after",
            "outbox: 1 rows before, 2 after",
        ]
        assert more.changes_to(other) == "book: other content in its 2 rows"
        assert other.changes_to(await harness.snapshot()) == ""


class TestDatabases:
    async def test_each_test_starts_empty(self, harness: ServiceHarness) -> None:
        assert await a_book(harness) == "1"

    async def test_each_test_starts_empty_again(self, harness: ServiceHarness) -> None:
        assert await a_book(harness) == "1"

    def test_a_retired_clone_is_dropped_by_the_next(
        self, postgres_server: DatabaseServer, database_clones: Clones, database_url: str
    ) -> None:
        first = database_clones.clone("shelf")
        database_clones.retire(first)
        second = database_clones.clone("shelf")
        with psycopg.connect(postgres_server.admin_url) as connection:
            rows = connection.execute("SELECT datname FROM pg_database").fetchall()
        names = {row[0] for row in rows}

        assert first not in names
        assert second in names
        database_clones.retire(second)
