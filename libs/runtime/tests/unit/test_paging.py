import base64
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_runtime import paging
from comptoir_runtime.errors import InvalidFields, InvalidPageToken
from libs.runtime.tests import sample


class Everything(NamedTuple):
    text: str
    number: int
    time: datetime
    id: UUID


class Two(NamedTuple):
    name: str
    number: int


POSITIONS = st.builds(
    Everything,
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.integers(-(2**63), 2**63 - 1),
    st.datetimes(timezones=st.just(UTC)),
    st.uuids(),
)


def token_after(last: tuple[Any, ...], asked: Any) -> str:
    """The token of what follows a page that ends with a row of this position."""
    page = paging.parse(asked, type(last))
    return page.cut([last, last], lambda row: row)[1]


def made_up(body: str) -> str:
    """A token of the same list, with anything behind its digest."""
    digest = base64.urlsafe_b64decode(token_after(paging.Number(1), request(page_size=1)))[:9]
    return base64.urlsafe_b64encode(digest + body.encode()).rstrip(b"=").decode()


def request(**fields: Any) -> Any:
    return sample.ListThings(**fields)


class TestParse:
    @pytest.mark.parametrize(
        ("asked", "given"), [(0, 50), (1, 1), (99, 99), (100, 100), (101, 100), (2**31 - 1, 100)]
    )
    def test_the_size_has_a_default_and_a_maximum(self, asked: int, given: int) -> None:
        page = paging.parse(request(page_size=asked), paging.Name)

        assert (page.size, page.limit, page.after) == (given, given + 1, None)

    def test_a_service_may_set_both(self) -> None:
        assert paging.parse(request(), paging.Name, default=5, maximum=10).size == 5
        assert paging.parse(request(page_size=11), paging.Name, default=5, maximum=10).size == 10

    def test_a_negative_size_is_refused_by_field(self) -> None:
        with pytest.raises(InvalidFields) as caught:
            paging.parse(request(page_size=-1), paging.Name)

        assert [violation.field for violation in caught.value.violations] == ["page_size"]

    @given(POSITIONS)
    def test_the_next_page_begins_after_the_last_row_of_this_one(self, last: Everything) -> None:
        token = token_after(last, request(filter="red", page_size=1))
        following = request(filter="red", page_size=20, page_token=token)

        page = paging.parse(following, Everything)

        assert (page.size, page.after) == (20, last)

    def test_a_token_is_bound_to_its_filters_and_its_procedure(self) -> None:
        token = token_after(paging.Name("a"), request(filter="red", page_size=1))

        with pytest.raises(InvalidPageToken):
            paging.parse(request(filter="blue", page_token=token), paging.Name)
        with pytest.raises(InvalidPageToken):
            paging.parse(sample.ListOthers(filter="red", page_token=token), paging.Name)

    @pytest.mark.parametrize(
        "token", ["x", "====", "é", "AAAA", "\x00", "a" * 5000, "AAAAAAAAAAAAAAAAAAAAAAAA"]
    )
    def test_garbage_is_refused(self, token: str) -> None:
        with pytest.raises(InvalidPageToken):
            paging.parse(request(page_token=token), paging.Name)

    @given(st.text(min_size=1))
    def test_any_text_is_a_token_or_is_refused(self, token: str) -> None:
        with pytest.raises(InvalidPageToken):
            paging.parse(request(page_token=token), paging.Name)

    def test_a_token_that_was_cut_is_refused(self) -> None:
        token = token_after(paging.Name("abcdef"), request(page_size=1))

        with pytest.raises(InvalidPageToken):
            paging.parse(request(page_token=token[:-3]), paging.Name)

    @pytest.mark.parametrize(
        "body", ["", "1", "{}", "null", "[]", '["a"]', '["a", 1, 2]', "[1, 1]"]
    )
    def test_a_position_of_another_shape_is_refused(self, body: str) -> None:
        with pytest.raises(InvalidPageToken):
            paging.parse(request(page_token=made_up(body)), Two)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("text", "1"),
            ("text", '"\\u0000"'),
            ("number", '"1"'),
            ("number", "1.0"),
            ("number", "true"),
            ("number", str(2**63)),
            ("number", str(-(2**63) - 1)),
            ("time", "1"),
            ("time", '"yesterday"'),
            ("time", '"2026-11-27T00:00:00"'),
            ("time", '"0001-01-01T00:00:00+14:00"'),
            ("id", "1"),
            ("id", '"dl_1"'),
        ],
    )
    def test_a_value_that_no_row_has_is_refused(self, field: str, value: str) -> None:
        values = {
            "text": '"a"',
            "number": "1",
            "time": '"2026-11-27T00:00:00+00:00"',
            "id": f'"{UUID(int=1)}"',
        }
        good = request(page_token=made_up(f"[{','.join(values.values())}]"))
        assert paging.parse(good, Everything).after is not None

        values[field] = value
        bad = request(page_token=made_up(f"[{','.join(values.values())}]"))

        with pytest.raises(InvalidPageToken):
            paging.parse(bad, Everything)


class TestCut:
    def test_the_last_page_has_no_token(self) -> None:
        page = paging.parse(request(page_size=2), paging.Number)

        assert page.cut([1, 2], paging.Number) == ([1, 2], "")
        assert page.cut([], paging.Number) == ([], "")

    def test_what_was_looked_for_only_to_know_whether_there_is_more_is_not_shown(self) -> None:
        page = paging.parse(request(page_size=2), paging.Number)

        shown, token = page.cut([1, 2, 3], paging.Number)

        assert shown == [1, 2]
        assert paging.parse(request(page_token=token), paging.Number).after == (2,)
