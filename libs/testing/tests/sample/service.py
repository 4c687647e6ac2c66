"""The sample service, and versions of it that break one promise each."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from comptoir_runtime import etag, paging
from comptoir_runtime.auth import Kind, require_owner
from comptoir_runtime.bus import Subscription
from comptoir_runtime.database import Row, Session
from comptoir_runtime.errors import InvalidPageToken, NotFound
from comptoir_runtime.rpc import Binding, Call, process, query, step, stream, upload
from comptoir_runtime.service import Parts, Runtime
from comptoir_runtime.settings import Settings
from comptoir_testing import ServiceUnderTest
from libs.testing.tests.sample.contracts import press, shelf

SERVICE_DESCRIPTOR = shelf.DESCRIPTOR.services_by_name["ShelfService"]

_ADD = "INSERT INTO book (owner, title) VALUES ($1, $2) RETURNING *"
_GET = "SELECT * FROM book WHERE number = $1"
_RENAME = "UPDATE book SET title = $2, version = version + 1 WHERE number = $1 RETURNING *"
_LIST = "SELECT * FROM book WHERE number > $1 ORDER BY number LIMIT $2"


class BookNotFound(NotFound):
    pass


def to_proto(row: Row | None) -> Any:
    assert row is not None
    return shelf.Book(book=str(row.number), title=row.title, etag=etag.of(row.version))


async def add(session: Session, owner: str | None, title: str) -> Any:
    row = await session.fetchrow(_ADD, owner, title)
    book = to_proto(row)
    session.emit(shelf.BookAdded(book=book.book))
    return book


async def find(session: Session, book: str) -> Row:
    row = await session.fetchrow(_GET, int(book))
    if row is None:
        raise BookNotFound("no such book")
    return row


class Shelf:
    @step
    async def AddBook(self, request: Any, call: Call) -> Any:
        assert call.principal is not None
        return await add(call.session, call.principal.subject, request.title)

    @step
    async def RenameBook(self, request: Any, call: Call) -> Any:
        book = await find(call.session, request.book)
        assert call.principal is not None
        if call.principal.kind is not Kind.STAFF:
            require_owner(call.principal, book.owner)
        etag.check(request.etag, book.version)
        return to_proto(await call.session.fetchrow(_RENAME, int(request.book), request.title))

    @query
    async def ListBooks(self, request: Any, call: Call) -> Any:
        page = paging.parse(request, paging.Number)
        (after,) = page.after or (0,)
        found = await call.session.fetch(_LIST, after, page.limit)
        shown, token = page.cut(found, lambda row: paging.Number(row.number))
        return shelf.ListBooksResponse(books=map(to_proto, shown), next_page_token=token)

    @stream
    async def WatchBook(self, request: Any, call: Call) -> AsyncIterator[Any]:
        async with call.transactions.reading() as session:
            yield to_proto(await find(session, request.book))
        await asyncio.Event().wait()

    @upload
    async def UploadBooks(self, requests: AsyncIterator[Any], call: Call) -> Any:
        book = shelf.Book()
        async for request in requests:
            async with call.transactions() as session:
                book = await add(session, None, request.title)
        return book


class Forgetful(Shelf):
    """Carries out a repeated call a second time."""

    @process
    async def AddBook(self, request: Any, call: Call) -> Any:
        assert call.principal is not None
        async with call.transactions() as session:
            return await add(session, call.principal.subject, request.title)


class Careless(Shelf):
    """Ignores etags and owners."""

    @step
    async def RenameBook(self, request: Any, call: Call) -> Any:
        await find(call.session, request.book)
        return to_proto(await call.session.fetchrow(_RENAME, int(request.book), request.title))


class Skipping(Shelf):
    """Loses an item between two pages."""

    @query
    async def ListBooks(self, request: Any, call: Call) -> Any:
        page = paging.parse(request, paging.Number)
        after = page.after.number + 1 if page.after else 0
        found = await call.session.fetch(_LIST, after, page.limit)
        shown, token = page.cut(found, lambda row: paging.Number(row.number))
        return shelf.ListBooksResponse(books=map(to_proto, shown), next_page_token=token)


class Trusting(Shelf):
    """Takes what a page token says for true."""

    @query
    async def ListBooks(self, request: Any, call: Call) -> Any:
        try:
            return await super().ListBooks(request, call)
        except InvalidPageToken:
            return shelf.ListBooksResponse()


async def on_printed(session: Session, event: Any) -> None:
    for _ in range(event.copies):
        await add(session, None, event.title)


def build_with(implementation: Callable[[], object]) -> Any:
    async def build(_: Runtime, __: Settings) -> Parts:
        return Parts(
            bindings=[Binding(SERVICE_DESCRIPTOR, implementation())],
            subscriptions=[Subscription("press", {press.TitlePrinted: on_printed})],
        )

    return build


def sample(implementation: Callable[[], object]) -> ServiceUnderTest:
    return ServiceUnderTest(
        name="shelf",
        build=build_with(implementation),
        settings=Settings,
        package="libs.testing.tests.sample",
    )
