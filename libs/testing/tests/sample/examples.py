from uuid import uuid4

from comptoir_testing import Example, ServiceHarness
from libs.testing.tests.sample.contracts import press, shelf


def _add(_: ServiceHarness) -> shelf.AddBookRequest:
    return shelf.AddBookRequest(request_id=str(uuid4()), title="Cousine Bette")


async def a_book(harness: ServiceHarness, owner: str = "cus_ada") -> str:
    token = harness.tokens.customer(owner)
    book = await harness.call("AddBook", _add(harness), token)
    return str(book.book)


async def _rename(harness: ServiceHarness) -> shelf.RenameBookRequest:
    book = await a_book(harness)
    return shelf.RenameBookRequest(request_id=str(uuid4()), book=book, title="Le Père Goriot")


async def _list(harness: ServiceHarness) -> shelf.ListBooksRequest:
    for _ in range(3):
        await a_book(harness)
    return shelf.ListBooksRequest()


async def _watch(harness: ServiceHarness) -> shelf.WatchBookRequest:
    return shelf.WatchBookRequest(book=await a_book(harness))


EXAMPLES = {
    "AddBook": Example(
        _add, token=lambda tokens: tokens.visitor("vis_ada"), names_owned_thing=False
    ),
    "RenameBook": Example(_rename, token=lambda tokens: tokens.customer("cus_ada")),
    "ListBooks": Example(_list, token=lambda tokens: tokens.staff("books.read")),
    "WatchBook": Example(_watch),
    "UploadBooks": Example(
        lambda harness: [_add(harness), _add(harness)], token=lambda tokens: tokens.service("press")
    ),
}

EVENTS = {press.TitlePrinted: lambda _: press.TitlePrinted(title="Splendeurs", copies=2)}
