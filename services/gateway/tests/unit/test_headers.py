import re
from base64 import urlsafe_b64encode

import orjson
import pytest

from comptoir_gateway import auth, headers
from comptoir_gateway.problems import Problem


class TestIdempotencyKey:
    @pytest.mark.parametrize("key", ["k", "a" * 255, "0b9c-4f! ~"])
    def test_a_printable_key_is_passed_on_unchanged(self, key: str) -> None:
        assert headers.idempotency_key(key) == key

    def test_no_header_is_no_key(self) -> None:
        assert headers.idempotency_key(None) is None

    @pytest.mark.parametrize("key", ["", "a" * 256, "é", "a\tb", "\x00"])
    def test_another_key_is_refused_by_the_name_of_the_header(self, key: str) -> None:
        with pytest.raises(Problem) as refused:
            headers.idempotency_key(key)
        assert refused.value.status == 400
        assert [each.field for each in refused.value.violations] == ["Idempotency-Key"]


class TestVersions:
    def test_an_etag_of_ours_comes_back_as_the_version_it_stands_for(self) -> None:
        tag = headers.entity_tag("7", b"{}").decode()
        assert re.fullmatch(r'"7;[0-9a-f]{8}"', tag)
        assert headers.expected_version(tag) == "7"
        assert headers.expected_version(f"W/{tag}") == "7"

    @pytest.mark.parametrize(("given", "version"), [("7", "7"), ('"7"', "7"), (" 12 ", "12")])
    def test_the_version_of_a_body_is_one_too(self, given: str, version: str) -> None:
        assert headers.expected_version(given) == version

    @pytest.mark.parametrize("given", [None, "*", " * "])
    def test_no_condition_is_no_version(self, given: str | None) -> None:
        assert headers.expected_version(given) is None

    @pytest.mark.parametrize("given", ['"1", "2"', "", '""', '"1', "1 2"])
    def test_anything_but_one_tag_is_refused(self, given: str) -> None:
        with pytest.raises(Problem) as refused:
            headers.expected_version(given)
        assert [each.field for each in refused.value.violations] == ["If-Match"]

    def test_the_same_version_shown_otherwise_has_another_etag(self) -> None:
        assert headers.entity_tag("7", b"19.99") != headers.entity_tag("7", b"9.99")

    @pytest.mark.parametrize(
        ("given", "matches"),
        [
            (None, False),
            ('"a"', True),
            ('W/"a"', True),
            ('"x", "a"', True),
            ("*", True),
            ('"b"', False),
        ],
    )
    def test_if_none_match_compares_weakly(self, given: str | None, matches: bool) -> None:
        assert headers.none_match(given, b'"a"') is matches


class TestRequestIds:
    def test_a_sane_id_is_kept(self) -> None:
        assert headers.request_id("abc-123") == "abc-123"

    @pytest.mark.parametrize("given", [None, "", "a b", "x" * 129, "<script>", 'a"'])
    def test_another_is_replaced(self, given: str | None) -> None:
        assert re.fullmatch(r"[0-9a-f]{16}", headers.request_id(given))


class TestContentType:
    @pytest.mark.parametrize(
        "kind",
        ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"],
    )
    def test_json_in_utf8_is_accepted(self, kind: str) -> None:
        headers.require_json(kind, None)

    @pytest.mark.parametrize(
        ("kind", "encoding"),
        [
            (None, None),
            ("text/plain", None),
            ("application/x-www-form-urlencoded", None),
            ("application/json; charset=latin-1", None),
            ("application/json", "gzip"),
        ],
    )
    def test_anything_else_is_refused(self, kind: str | None, encoding: str | None) -> None:
        with pytest.raises(Problem) as refused:
            headers.require_json(kind, encoding)
        assert refused.value.status == 415


class TestCors:
    def test_no_origin_is_allowed_unless_it_is_listed(self) -> None:
        assert headers.Cors(()).allows("https://shop.example") == []
        listed = headers.Cors(("https://shop.example",))
        assert (b"access-control-allow-origin", b"https://shop.example") in listed.allows(
            "https://shop.example"
        )
        assert listed.allows("https://evil.example") == [(b"vary", b"Origin")]

    def test_any_origin_never_comes_with_credentials(self) -> None:
        granted = dict(headers.Cors(("*",)).preflight("https://a.example", ["GET"]))
        assert granted[b"access-control-allow-origin"] == b"*"
        assert b"access-control-allow-credentials" not in granted

    def test_a_preflight_of_a_stranger_grants_nothing(self) -> None:
        cors = headers.Cors(("https://shop.example",))
        assert cors.preflight("https://evil.example", ["GET"]) == [(b"vary", b"Origin")]


def token(claims: object) -> str:
    payload = urlsafe_b64encode(orjson.dumps(claims)).rstrip(b"=").decode()
    return f"Bearer aGVhZA.{payload}.c2ln"


class TestTokens:
    def test_a_bearer_token_is_passed_on_as_it_is(self) -> None:
        assert auth.authorization("bearer a.b.c") == "Bearer a.b.c"
        assert auth.authorization(None) is None

    @pytest.mark.parametrize(
        "header",
        ["", "Basic dTpw", "Bearer", "Bearer x", "Bearer a.b.c d", f"Bearer a.{'b' * 4096}.c"],
    )
    def test_anything_else_is_refused(self, header: str) -> None:
        with pytest.raises(Problem) as refused:
            auth.authorization(header)
        assert refused.value.status == 401
        assert (b"www-authenticate", b"Bearer") in refused.value.headers

    @pytest.mark.parametrize(
        ("claims", "own"),
        [
            ({"knd": "visitor"}, False),
            ({"knd": "customer"}, True),
            ({"knd": "staff"}, True),
            ([], True),
            ({}, True),
        ],
    )
    def test_only_a_visitor_surely_pays_what_everybody_pays(
        self, claims: object, own: bool
    ) -> None:
        assert auth.may_have_own_prices(token(claims)) is own

    def test_a_token_that_cannot_be_read_is_treated_with_care(self) -> None:
        assert auth.may_have_own_prices("Bearer a.b.c") is True
        assert auth.may_have_own_prices(None) is False
