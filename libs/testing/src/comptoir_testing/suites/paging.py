"""Pages: each item once, in one order, whatever the size."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator

import grpc
from google.protobuf.message import Message

from comptoir_runtime.paging import DIGEST_BYTES
from comptoir_testing.harness import ServiceHarness
from comptoir_testing.procedures import Procedure
from comptoir_testing.suites.base import ProcedureSuite, accepted, changed, refused

_MOST_PAGES = 200
_HUGE = 2_000_000_000
_MADE_UP = "garbage"
_NO_VALUES: tuple[object, ...] = (None, True, [], 2**63, "\0")


class PagingSuite(ProcedureSuite):
    """Every procedure whose request has `page_size` and `page_token`.

    Its example has to arrange at least two items, and no more than one default page.
    """

    @classmethod
    def applies_to(cls, procedure: Procedure) -> bool:
        return procedure.takes("page_size", "page_token")

    async def test_single_item_pages_give_each_item_once(
        self, procedure: Procedure, harness: ServiceHarness
    ) -> None:
        request, token = await self.arranged(procedure, harness)
        everything, _ = await self._page(procedure, harness, request, token)
        assert len(everything) >= 2, (
            f"the example of {procedure} must arrange at least two items, found {len(everything)}"
        )

        walked: list[bytes] = []
        request = changed(request, page_size=1)
        for _ in range(_MOST_PAGES):
            items, following = await self._page(procedure, harness, request, token)
            assert len(items) <= 1, f"{procedure} gave {len(items)} items for page_size 1"
            walked += items
            if not following:
                break
            request = changed(request, page_token=following)
        else:
            raise AssertionError(f"{procedure} still had a next page after {_MOST_PAGES}")

        assert walked == everything

    async def test_a_huge_page_size_is_clamped(
        self, procedure: Procedure, harness: ServiceHarness
    ) -> None:
        request, token = await self.arranged(procedure, harness)
        everything, _ = await self._page(procedure, harness, request, token)

        huge = changed(request, page_size=_HUGE)

        assert (await self._page(procedure, harness, huge, token))[0] == everything

    async def test_a_negative_page_size_is_refused(
        self, procedure: Procedure, harness: ServiceHarness
    ) -> None:
        request, token = await self.arranged(procedure, harness)

        outcome = await harness.outcome(procedure, changed(request, page_size=-1), token)

        assert outcome.status is grpc.StatusCode.INVALID_ARGUMENT, f"answered {outcome}"

    async def test_a_made_up_page_token_is_refused(
        self, procedure: Procedure, harness: ServiceHarness
    ) -> None:
        request, token = await self.arranged(procedure, harness)

        outcome = await harness.outcome(procedure, changed(request, page_token=_MADE_UP), token)

        refused(outcome, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN")

    async def test_a_page_token_with_a_made_up_position_is_refused(
        self, procedure: Procedure, harness: ServiceHarness
    ) -> None:
        request, token = await self.arranged(procedure, harness)
        _, following = await self._page(procedure, harness, changed(request, page_size=1), token)

        for made_up in with_made_up_positions(following):
            asked = changed(request, page_size=1, page_token=made_up)
            outcome = await harness.outcome(procedure, asked, token)

            refused(outcome, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN")

    async def _page(
        self, procedure: Procedure, harness: ServiceHarness, request: Message, token: str | None
    ) -> tuple[list[bytes], str]:
        """The serialised items of one page, and the token of the next."""
        body = accepted(procedure, await harness.outcome(procedure, request, token))
        response = procedure.response_type.FromString(body)
        items = getattr(response, procedure.items.name)
        return [_bytes_of(item) for item in items], getattr(response, "next_page_token")  # noqa: B009 - of any response


def with_made_up_positions(token: str) -> Iterator[str]:
    """The token with values that no row has: of other kinds, and more than can be kept."""
    body = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    digest, values = body[:DIGEST_BYTES], json.loads(body[DIGEST_BYTES:])
    yield _token(digest, [*values, "more"])
    for index in range(len(values)):
        for wrong in _NO_VALUES:
            yield _token(digest, [*values[:index], wrong, *values[index + 1 :]])


def _token(digest: bytes, values: list[object]) -> str:
    return urlsafe_b64encode(digest + json.dumps(values).encode()).rstrip(b"=").decode()


def _bytes_of(item: Message | str) -> bytes:
    if isinstance(item, str):
        return item.encode()
    return item.SerializeToString(deterministic=True)
