"""Documents that are kept serialised, sent without being parsed again."""

from collections.abc import Iterable
from typing import Protocol

from comptoir.pim.v1 import pim_service_pb2 as pb
from comptoir_pim.domain.documents import Selection

_PRODUCTS = b"\x0a"  # field 1, length-delimited: ListPublishedProductsResponse.products
_NEXT_PAGE_TOKEN = b"\x12"  # field 2, length-delimited


def selection(
    request: pb.ListPublishedProductsRequest | pb.GetPublishedProductRequest, preferred: str
) -> Selection:
    """What a request asks for; the language it names, else the one its caller prefers."""
    locales = (request.locale or preferred,)
    if isinstance(request, pb.GetPublishedProductRequest):
        return Selection(request.channel, locales)
    return Selection(request.channel, locales, request.category, request.skus)


class Answer(Protocol):
    """What the pipeline asks of an answer."""

    def SerializeToString(self) -> bytes:  # noqa: N802 - the name messages give it
        """The bytes on the wire."""


class Serialised:
    """An answer that already is what goes over the wire."""

    __slots__ = ("_body",)

    def __init__(self, body: bytes) -> None:
        self._body = body

    def SerializeToString(self) -> bytes:  # noqa: N802 - takes the place of a message
        """The bytes on the wire."""
        return self._body


def serialised(document: bytes) -> Answer:
    """A PublishedProduct as it is kept."""
    return Serialised(document)


def page_of_documents(documents: Iterable[bytes], next_page_token: str) -> Answer:
    """A ListPublishedProductsResponse made of PublishedProducts as they are kept."""
    parts: list[bytes] = []
    for document in documents:
        parts += (_PRODUCTS, _varint(len(document)), document)
    if next_page_token:
        token = next_page_token.encode()
        parts += (_NEXT_PAGE_TOKEN, _varint(len(token)), token)
    return Serialised(b"".join(parts))


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    if number < 0x4000:  # nearly every document
        return bytes((number & 0x7F | 0x80, number >> 7))
    return bytes((number & 0x7F | 0x80,)) + _varint(number >> 7)
