"""The suites on services that break a promise: each has to notice, and to say what is wrong."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import ClassVar

import pytest
from google.protobuf.message import Message

from comptoir_runtime.clock import ManualClock
from comptoir_runtime.events_service import SERVICE as EVENTS_SERVICE
from comptoir_testing import Example, Examples, ServiceHarness, TokenFactory
from comptoir_testing.procedures import Procedure, procedures_of
from comptoir_testing.suites import (
    AuthorisationSuite,
    EtagSuite,
    IdempotencySuite,
    PagingSuite,
    RedeliverySuite,
)
from comptoir_testing.suites.redelivery import MakeEvent
from libs.testing.tests.sample.contracts import press, shelf
from libs.testing.tests.sample.examples import EVENTS, EXAMPLES
from libs.testing.tests.sample.service import (
    SERVICE_DESCRIPTOR,
    Careless,
    Forgetful,
    Shelf,
    Skipping,
    Trusting,
    sample,
)

PROCEDURES = {each.name: each for each in procedures_of("shelf")}
Events = Mapping[type[Message], MakeEvent]
Run = Callable[[Callable[[], object]], AbstractAsyncContextManager[ServiceHarness]]


class Idempotency(IdempotencySuite):
    examples = EXAMPLES


class Etag(EtagSuite):
    examples = EXAMPLES


class Paging(PagingSuite):
    examples = EXAMPLES


class Authorisation(AuthorisationSuite):
    examples = EXAMPLES


class Redelivery(RedeliverySuite):
    events = EVENTS


@pytest.fixture
def run(database_url: str, clean_nats: str, clock: ManualClock, tokens: TokenFactory) -> Run:
    @asynccontextmanager
    async def running(implementation: Callable[[], object]) -> AsyncIterator[ServiceHarness]:
        async with ServiceHarness(
            sample(implementation),
            database_url=database_url,
            nats_url=clean_nats,
            clock=clock,
            tokens=tokens,
        ) as harness:
            yield harness

    return running


class TestIdempotency:
    async def test_a_second_effect_is_noticed(self, run: Run) -> None:
        async with run(Forgetful) as harness:
            with pytest.raises(
                AssertionError, match=r"(?s)answered book: \"1\".*, book: \"2\".* when repeated"
            ):
                await Idempotency().test_a_repeated_call_gets_the_same_answer_and_has_one_effect(
                    PROCEDURES["AddBook"], harness
                )

    async def test_a_reused_id_that_is_accepted_is_noticed(self, run: Run) -> None:
        async with run(Forgetful) as harness:
            with pytest.raises(AssertionError, match="answered OK"):
                await Idempotency().test_another_body_under_the_same_id_is_refused(
                    PROCEDURES["AddBook"], harness
                )

    def test_streams_of_requests_are_left_out(self) -> None:
        assert not IdempotencySuite.applies_to(PROCEDURES["UploadBooks"])
        assert IdempotencySuite.applies_to(PROCEDURES["AddBook"])


class TestEtag:
    async def test_an_ignored_etag_is_noticed(self, run: Run) -> None:
        async with run(Careless) as harness:
            with pytest.raises(AssertionError, match="answered OK"):
                await Etag().test_a_stale_etag_is_refused(PROCEDURES["RenameBook"], harness)


class TestPaging:
    async def test_a_lost_item_is_noticed(self, run: Run) -> None:
        async with run(Skipping) as harness:
            with pytest.raises(AssertionError):
                await Paging().test_single_item_pages_give_each_item_once(
                    PROCEDURES["ListBooks"], harness
                )

    async def test_a_made_up_position_that_is_believed_is_noticed(self, run: Run) -> None:
        async with run(Trusting) as harness:
            with pytest.raises(AssertionError):
                await Paging().test_a_page_token_with_a_made_up_position_is_refused(
                    PROCEDURES["ListBooks"], harness
                )

    async def test_an_example_with_too_little_to_list_is_refused(self, run: Run) -> None:
        class Poor(PagingSuite):
            examples: ClassVar[Examples] = {
                "ListBooks": Example(lambda _: shelf.ListBooksRequest(), _reader)
            }

        async with run(Shelf) as harness:
            with pytest.raises(AssertionError, match="at least two items, found 0"):
                await Poor().test_single_item_pages_give_each_item_once(
                    PROCEDURES["ListBooks"], harness
                )


class TestAuthorisation:
    async def test_strangers_who_are_let_in_are_named(self, run: Run) -> None:
        async with run(Careless) as harness:
            with pytest.raises(AssertionError) as caught:
                await Authorisation().test_callers_are_treated_as_the_access_option_says(
                    PROCEDURES["RenameBook"], harness
                )

        lines = [line.strip() for line in str(caught.value).splitlines()]
        assert "a visitor: expected NOT_FOUND or PERMISSION_DENIED, answered OK" in lines
        assert "a customer: expected NOT_FOUND or PERMISSION_DENIED, answered OK" in lines
        assert "a visitor: the refused call changed data:" in lines
        assert not any(line.startswith("staff") for line in lines)

    async def test_a_procedure_without_an_example_fails_by_name(self, run: Run) -> None:
        class Silent(AuthorisationSuite):
            examples: ClassVar[Examples] = {}

        async with run(Shelf) as harness:
            with pytest.raises(AssertionError, match='ShelfService/AddBook has no example: add "A'):
                await Silent().test_callers_are_treated_as_the_access_option_says(
                    PROCEDURES["AddBook"], harness
                )


class TestRedelivery:
    async def test_an_event_without_an_effect_proves_nothing(self, run: Run) -> None:
        class Idle(RedeliverySuite):
            events: ClassVar[Events] = {
                press.TitlePrinted: lambda _: press.TitlePrinted(title="Melmoth")
            }

        async with run(Shelf) as harness:
            with pytest.raises(AssertionError, match="first TitlePrinted had no effect"):
                await Idle().test_the_second_delivery_has_no_effect(press.TitlePrinted, harness)

    async def test_a_handler_without_an_event_is_named(self, run: Run) -> None:
        class Empty(RedeliverySuite):
            events: ClassVar[Events] = {}

        async with run(Shelf) as harness:
            with pytest.raises(AssertionError, match=r"press\.v1\.TitlePrinted"):
                await Empty().test_every_handler_has_an_event_here(harness)


class TestProcedures:
    def test_all_of_the_protos_and_the_runtime_s_own_are_found(self) -> None:
        own = [method.name for method in SERVICE_DESCRIPTOR.methods]

        of_the_runtime = [method.name for method in EVENTS_SERVICE.methods]
        assert list(PROCEDURES) == [*own, *of_the_runtime]

    def test_an_access_option_is_read(self) -> None:
        rename: Procedure = PROCEDURES["RenameBook"]

        assert rename.rule.owner
        assert rename.rule.permissions == {"books.write"}
        assert not rename.rule.anyone


def _reader(tokens: TokenFactory) -> str:
    return tokens.staff("books.read")
