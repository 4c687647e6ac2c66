import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_runtime import paging
from comptoir_runtime.errors import InvalidFields, InvalidPageToken
from comptoir_runtime.paging import Page
from libs.runtime.tests import sample

VALUES = st.lists(
    st.one_of(st.text(), st.integers(-(2**53), 2**53), st.booleans(), st.none()),
    min_size=1,
    max_size=4,
)


def request(**fields: Any) -> Any:
    return sample.ListThings(**fields)


class TestParse:
    @pytest.mark.parametrize(
        ("asked", "given"), [(0, 50), (1, 1), (99, 99), (100, 100), (101, 100), (2**31 - 1, 100)]
    )
    def test_the_size_has_a_default_and_a_maximum(self, asked: int, given: int) -> None:
        assert paging.parse(request(page_size=asked)) == Page(given)

    def test_a_service_may_set_both(self) -> None:
        assert paging.parse(request(), default=5, maximum=10) == Page(5)
        assert paging.parse(request(page_size=11), default=5, maximum=10) == Page(10)

    def test_a_negative_size_is_refused_by_field(self) -> None:
        with pytest.raises(InvalidFields) as caught:
            paging.parse(request(page_size=-1))

        assert [violation.field for violation in caught.value.violations] == ["page_size"]

    @given(VALUES)
    def test_the_next_page_begins_after_the_values_of_the_token(self, values: list[Any]) -> None:
        token = paging.token(values, request(filter="red", page_size=10))
        next_request = request(filter="red", page_size=20, page_token=token)

        assert paging.parse(next_request) == Page(20, tuple(values))

    def test_a_token_is_bound_to_its_filters_and_its_procedure(self) -> None:
        token = paging.token(["a"], request(filter="red"))

        with pytest.raises(InvalidPageToken):
            paging.parse(request(filter="blue", page_token=token))
        with pytest.raises(InvalidPageToken):
            paging.parse(sample.ListOthers(filter="red", page_token=token))

    @pytest.mark.parametrize(
        "token", ["x", "====", "é", "AAAA", "\x00", "a" * 5000, "AAAAAAAAAAAAAAAAAAAAAAAA"]
    )
    def test_garbage_is_refused(self, token: str) -> None:
        with pytest.raises(InvalidPageToken):
            paging.parse(request(page_token=token))

    @given(st.text(min_size=1))
    def test_any_text_is_a_token_or_is_refused(self, token: str) -> None:
        with pytest.raises(InvalidPageToken):
            paging.parse(request(page_token=token))

    def test_a_token_that_was_cut_or_has_no_values_is_refused(self) -> None:
        token = paging.token(["abcdef"], request())
        with pytest.raises(InvalidPageToken):
            paging.parse(request(page_token=token[:-3]))
        digest = base64.urlsafe_b64decode(token + "==")[:9]
        for body in (b"[]", b"{}", b"1", b""):
            forged = base64.urlsafe_b64encode(digest + body).rstrip(b"=").decode()
            with pytest.raises(InvalidPageToken):
                paging.parse(request(page_token=forged))
