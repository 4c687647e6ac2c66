"""What passes the edge, through the whole application with no service behind it."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from comptoir_gateway.backends import SERVICES
from comptoir_gateway.transcode import operations
from services.gateway.tests.asgi import Edge

KEY = {"idempotency-key": "k-1"}
ADDRESSES = [
    (
        each.verb,
        "".join(part.split("}")[-1] for part in each.template.replace("{", "x{").split("{")),
    )
    for each in operations(SERVICES)
]


@pytest.fixture
async def edge() -> Edge:
    return Edge()


class TestWrites:
    async def test_path_body_and_headers_make_one_request(self, edge: Edge) -> None:
        answer = await edge.ask(
            "POST",
            "/v1/carts/crt_1/lines",
            {**KEY, "if-match": '"7;0badcafe"', "authorization": "Bearer a.b.c"},
            {"sku": "A", "quantity": 2},
        )
        assert answer.status == 200
        request = edge.last.request
        assert (request.cart, request.request_id, request.etag) == ("crt_1", "k-1", "7")
        assert (request.sku, request.quantity) == ("A", 2)
        assert edge.last.metadata["authorization"] == "Bearer a.b.c"

    async def test_without_a_token_none_is_sent(self, edge: Edge) -> None:
        await edge.ask("GET", "/v1/products")
        assert "authorization" not in edge.last.metadata

    async def test_a_key_the_contract_asks_for_must_be_there(self, edge: Edge) -> None:
        answer = await edge.ask("POST", "/v1/orders", None, {"cart": "c", "quote": "q"})
        assert (answer.status, answer.fields) == (400, ["Idempotency-Key"])
        assert edge.services.sent == []

    @pytest.mark.parametrize("name", ["requestId", "request_id"])
    async def test_a_key_in_the_body_must_be_the_one_of_the_header(
        self, edge: Edge, name: str
    ) -> None:
        refused = await edge.ask("POST", "/v1/orders", KEY, {name: "other"})
        assert (refused.status, refused.fields) == (400, [name])
        alone = await edge.ask("POST", "/v1/carts", None, {name: "k-1"})
        assert (alone.status, alone.fields) == (400, [name])
        assert edge.services.sent == []
        agreed = await edge.ask("POST", "/v1/carts", KEY, {name: "k-1"})
        assert (agreed.status, edge.last.request.request_id) == (200, "k-1")

    async def test_a_key_nobody_needs_does_no_harm(self, edge: Edge) -> None:
        answer = await edge.ask("POST", "/v1/sessions", KEY, {"email": "a@b.fr", "password": "x"})
        assert answer.status == 200

    async def test_what_the_body_repeats_of_the_path_must_agree(self, edge: Edge) -> None:
        good = {"priceList": {"code": "base", "currency": "EUR"}}
        assert (await edge.ask("PUT", "/v1/priceLists/base", KEY, good)).status == 200
        assert edge.last.request.price_list.code == "base"
        answer = await edge.ask("PUT", "/v1/priceLists/other", KEY, good)
        assert (answer.status, answer.fields) == (400, ["priceList.code"])

    async def test_a_delete_needs_no_body(self, edge: Edge) -> None:
        assert (await edge.ask("DELETE", "/v1/carts/c/lines/l", KEY)).status == 200
        assert (edge.last.request.cart, edge.last.request.line) == ("c", "l")

    @pytest.mark.parametrize(
        "body",
        [
            {"sku": "A", "quantity": 1, "unitPrice": {"currency": "EUR", "amount": "0.01"}},
            {"sku": "A", "quantity": 1, "owner": "cus_1"},
        ],
    )
    async def test_a_field_a_client_may_not_set_is_reported_not_ignored(
        self, edge: Edge, body: dict[str, Any]
    ) -> None:
        answer = await edge.ask("POST", "/v1/carts/c/lines", KEY, body)
        assert answer.status == 400
        assert len(answer.fields) == 1
        assert edge.services.sent == []

    @pytest.mark.parametrize(
        "quantity",
        [b"1.5", b"NaN", b"1e400", b"2147483648", b"9223372036854775808", b'"x"', b"[1]"],
    )
    async def test_a_quantity_that_is_none_never_reaches_a_service(
        self, edge: Edge, quantity: bytes
    ) -> None:
        body = b'{"sku":"A","quantity":' + quantity + b"}"
        answer = await edge.ask("POST", "/v1/carts/c/lines", KEY, body)
        assert answer.status == 400
        assert answer.headers["content-type"] == "application/problem+json"
        assert edge.services.sent == []

    async def test_another_content_type_is_refused(self, edge: Edge) -> None:
        answer = await edge.ask("POST", "/v1/carts", {"content-type": "text/plain"}, b"{}")
        assert (answer.status, answer.json["reason"]) == (415, "UNSUPPORTED_MEDIA_TYPE")

    async def test_a_body_above_a_megabyte_is_refused(self, edge: Edge) -> None:
        answer = await edge.ask("POST", "/v1/carts", None, b" " * (1024 * 1024 + 1))
        assert (answer.status, answer.json["reason"]) == (413, "BODY_TOO_LARGE")

    async def test_files_of_an_import_may_be_larger(self, edge: Edge) -> None:
        files = {"files": [{"name": "products.csv", "content": "QUJD" * 500_000}]}
        answer = await edge.ask("POST", "/v1/products:import", KEY, files)
        assert answer.status == 200
        assert len(edge.last.request.files[0].content) == 1_500_000

    async def test_more_than_a_service_takes_in_one_message_is_refused(self, edge: Edge) -> None:
        files = {"files": [{"name": "products.csv", "content": "QUJD" * 1_500_000}]}
        answer = await edge.ask("POST", "/v1/products:import", KEY, files)
        assert answer.status == 413
        assert edge.services.sent == []


class TestReads:
    @pytest.mark.parametrize("query", ["skus=a&skus=b,c", "skus=a,b,c", "skus=a%2Cb&skus=c"])
    async def test_a_list_may_be_given_in_two_ways(self, edge: Edge, query: str) -> None:
        assert (await edge.ask("GET", f"/v1/availability?{query}")).status == 200
        assert list(edge.last.request.skus) == ["a", "b", "c"]

    async def test_every_wrong_parameter_is_named(self, edge: Edge) -> None:
        answer = await edge.ask("GET", "/v1/availability?skus=a&near=x&withinKm=y&foo=1")
        assert (answer.status, answer.fields) == (400, ["near", "withinKm", "foo"])

    async def test_a_parameter_given_twice_is_refused(self, edge: Edge) -> None:
        answer = await edge.ask("GET", "/v1/availability?withinKm=1&withinKm=2&within_km=3")
        assert answer.fields == ["withinKm", "within_km"]

    @pytest.mark.parametrize(
        "query", ["a=%FF", "a=%ZZ%FF", "a=\xe9", "&".join("a=b" for _ in range(600))]
    )
    async def test_a_query_that_cannot_be_read_is_refused(self, edge: Edge, query: str) -> None:
        answer = await edge.ask("GET", f"/v1/availability?{query}")
        assert (answer.status, answer.json["reason"]) == (400, "MALFORMED_QUERY")

    @pytest.mark.parametrize("target", ["/v1/products/%00", "/v1/products?category=%00"])
    async def test_a_null_character_is_refused(self, edge: Edge, target: str) -> None:
        assert (await edge.ask("GET", target)).status == 400
        assert edge.services.sent == []

    async def test_keys_and_versions_are_not_parameters(self, edge: Edge) -> None:
        answer = await edge.ask("DELETE", "/v1/carts/c/lines/l?requestId=k&etag=1")
        assert answer.fields == ["requestId", "etag"]

    async def test_languages_are_passed_on_when_they_are_some(self, edge: Edge) -> None:
        await edge.ask("GET", "/v1/products", {"accept-language": "fr-CA, fr;q=0.8"})
        assert edge.last.metadata["accept-language"] == "fr-CA, fr;q=0.8"
        await edge.ask("GET", "/v1/products", {"accept-language": "<script>"})
        assert "accept-language" not in edge.last.metadata


class TestEveryAnswer:
    async def test_it_carries_the_request_id_and_keeps_browsers_safe(self, edge: Edge) -> None:
        for target in ("/v1/products", "/nothing"):
            answer = await edge.ask("GET", target, {"x-request-id": "abc-1"})
            assert answer.headers["x-request-id"] == "abc-1"
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.json["requestId"] == "abc-1"

    @pytest.mark.parametrize(
        ("target", "given", "caching"),
        [
            ("/v1/products", {}, "no-cache"),
            ("/v1/products", {"authorization": "Bearer a.b.c"}, "private, no-store"),
            ("/v1/orders", {}, "private, no-store"),
            ("/v1/pages/catalogue", {}, "public, max-age=2"),
            ("/v1/pages/catalogue", {"authorization": "Bearer a.b.c"}, "private, no-store"),
            ("/v1/pages/checkout/crt_1", {}, "private, no-store"),
            ("/nothing", {}, "no-store"),
        ],
    )
    async def test_nothing_personal_may_be_kept_by_a_cache(
        self, edge: Edge, target: str, given: dict[str, str], caching: str
    ) -> None:
        assert (await edge.ask("GET", target, given)).headers["cache-control"] == caching

    async def test_a_large_answer_is_compressed_when_asked(self) -> None:
        edge = Edge()
        body = {"files": [{"name": "x", "content": 1}] * 24 + [{"y" * 200: 1}]}
        plain = await edge.ask("POST", "/v1/products:import", KEY, body)
        packed = await edge.ask(
            "POST", "/v1/products:import", {**KEY, "accept-encoding": "gzip, br"}, body
        )
        assert plain.status == packed.status == 400
        assert "content-encoding" not in plain.headers

    async def test_too_many_requests_at_once_are_refused(self) -> None:
        answer = await Edge(max_requests=0).ask("GET", "/v1/products")
        assert (answer.status, answer.json["reason"]) == (503, "OVERLOADED")
        assert answer.headers["retry-after"] == "1"

    async def test_a_method_that_overrides_itself_is_not_believed(self, edge: Edge) -> None:
        answer = await edge.ask("GET", "/v1/carts/c/lines", {"x-http-method-override": "POST"})
        assert answer.status == 405

    async def test_options_tells_what_a_page_of_another_origin_may_do(self) -> None:
        edge = Edge(origins=["https://shop.example"])
        answer = await edge.ask("OPTIONS", "/v1/orders", {"origin": "https://shop.example"})
        assert answer.status == 204
        assert answer.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS, POST"
        refused = await edge.ask("OPTIONS", "/v1/orders", {"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in refused.headers


JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(some.sampled_from(["sku", "delivery", "lines", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
FUZZ = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class TestNothingBreaks:
    async def test_every_route_takes_an_empty_request_without_breaking(self, edge: Edge) -> None:
        for verb, target in ADDRESSES:
            answer = await edge.ask(verb, target, KEY, None if verb in ("GET", "DELETE") else {})
            assert answer.status in (200, 503), (verb, target, answer.body)

    @FUZZ
    @given(
        body=some.binary(max_size=200)
        | JSON.map(lambda value: repr(value).encode(errors="replace"))
    )
    async def test_no_body_gives_a_server_error(self, edge: Edge, body: bytes) -> None:
        answer = await edge.ask("POST", "/v1/carts/c/lines", KEY, body)
        assert answer.status in (200, 400)

    @FUZZ
    @given(value=some.dictionaries(some.text(max_size=5), JSON, max_size=3))
    async def test_no_json_gives_a_server_error(self, edge: Edge, value: dict[str, Any]) -> None:

        for verb, target in (("PUT", "/v1/carts/c/delivery"), ("POST", "/v1/orders")):
            answer = await edge.ask(verb, target, KEY, json.dumps(value).encode())
            assert answer.status in (200, 400)

    @FUZZ
    @given(
        path=some.text(some.characters(min_codepoint=33, max_codepoint=126), max_size=40),
        query=some.text(some.characters(min_codepoint=33, max_codepoint=255), max_size=60),
    )
    async def test_no_address_gives_a_server_error(self, edge: Edge, path: str, query: str) -> None:
        target = path.replace("?", "")
        for prefix in ("/v1/products/", "/v1/carts/", "/v1/pages/products/", "/"):
            answer = await edge.ask("GET", f"{prefix}{target}?{query}")
            assert answer.status in (200, 400, 404, 405, 503), answer.body

    @FUZZ
    @given(
        value=some.text(some.characters(min_codepoint=32, max_codepoint=255), max_size=60),
        name=some.sampled_from(
            [
                "authorization",
                "idempotency-key",
                "if-match",
                "accept-language",
                "traceparent",
                "x-request-id",
                "content-type",
                "if-none-match",
                "last-event-id",
                "origin",
            ]
        ),
    )
    async def test_no_header_gives_a_server_error(self, edge: Edge, name: str, value: str) -> None:
        for verb, target in (("POST", "/v1/carts/c/lines"), ("GET", "/v1/pages/catalogue")):
            answer = await edge.ask(verb, target, {**KEY, name: value}, {"sku": "A"})
            assert answer.status in (200, 304, 400, 401, 415)
