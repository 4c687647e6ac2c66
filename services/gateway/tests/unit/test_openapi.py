import re
from typing import Any

import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from comptoir_gateway.backends import SERVICES
from comptoir_gateway.headers import Cors
from comptoir_gateway.openapi import Site, document
from comptoir_gateway.transcode import Operation, operations
from comptoir_gateway.web import Router
from comptoir_gateway.web.app import App
from services.gateway.tests.asgi import ask

OPERATIONS = list(operations(SERVICES))


@pytest.fixture(scope="module")
def contract() -> Any:
    return orjson.loads(orjson.dumps(document.build(OPERATIONS)))


def described(contract: Any) -> dict[str, Any]:
    return {
        operation["operationId"]: operation
        for methods in contract["paths"].values()
        for operation in methods.values()
    }


class TestDocument:
    def test_it_is_valid_openapi_3_1(self, contract: Any) -> None:
        assert list(OpenAPIV31SpecValidator(contract).iter_errors()) == []

    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: str(each.method.name))
    def test_every_procedure_with_a_route_is_described(
        self, contract: Any, operation: Operation
    ) -> None:
        name = operation.method.name
        found = described(contract)[name[0].lower() + name[1:]]
        assert found["summary"]
        assert found["tags"] == [operation.service]
        assert found["responses"]["400"] == {"$ref": "#/components/responses/400"}
        names = {each["name"] for each in found["parameters"] if each["in"] == "path"}
        assert len(names) == len(operation.path_fields)

    def test_every_refusal_that_may_come_is_described(self, contract: Any) -> None:
        found = described(contract)
        always = {"200", "400", "401", "404", "429", "503", "504"}
        with_body = always | {"408", "413", "415", "409"}
        assert found["listPublishedProducts"]["responses"].keys() == always
        assert found["getCart"]["responses"].keys() == always | {"304", "403"}
        assert found["authenticate"]["responses"].keys() == with_body
        assert found["addLine"]["responses"].keys() == with_body | {"403", "412", "422"}
        assert found["getCheckoutPage"]["responses"].keys() == always | {"403"}
        answers = contract["components"]["responses"]
        named = {code for each in found.values() for code in each["responses"]}
        assert named == {"200", "304", *answers}

    def test_every_field_has_its_comment(self, contract: Any) -> None:
        bare = [
            f"{name}.{field}"
            for name, schema in contract["components"]["schemas"].items()
            for field, each in schema.get("properties", {}).items()
            if "description" not in each and name in {"Cart", "Order", "PublishedProduct"}
        ]
        assert bare == []

    def test_constraints_of_the_contracts_are_shown(self, contract: Any) -> None:
        body = described(contract)["addLine"]["requestBody"]["content"]["application/json"][
            "schema"
        ]
        assert body["properties"]["quantity"]["minimum"] == 1
        assert body["properties"]["quantity"]["maximum"] == 9999
        assert body["properties"]["sku"]["pattern"] == "^[!-~]{1,64}$"
        assert body["required"] == ["sku", "quantity"]
        assert body["additionalProperties"] is False

    def test_of_several_members_none_must_be_given(self, contract: Any) -> None:
        schemas = contract["components"]["schemas"]
        assert schemas["Coupon"]["required"] == ["code"]
        assert schemas["Value"]["required"] == ["attribute"]

    def test_what_would_be_refused_when_it_is_empty_must_be_given(self, contract: Any) -> None:
        def body(name: str) -> Any:
            return described(contract)[name]["requestBody"]["content"]["application/json"]["schema"]

        assert body("register")["required"] == ["email", "password"]
        assert "reason" in body("adjustStock")["required"]
        assert body("adjustStock")["properties"]["reason"]["enum"] == [
            "REASON_RETURN",
            "REASON_DAMAGE",
            "REASON_CORRECTION",
        ]
        delivery = contract["components"]["schemas"]["Delivery"]
        assert "mode" in delivery["required"]
        assert "MODE_UNSPECIFIED" not in delivery["properties"]["mode"]["enum"]

    def test_what_each_of_several_must_be_is_shown(self, contract: Any) -> None:
        (skus,) = [
            each
            for each in described(contract)["getPrices"]["parameters"]
            if each["name"] == "skus"
        ]
        assert skus["schema"]["items"] == {"type": "string", "minLength": 1, "maxLength": 64}
        channels = contract["components"]["schemas"]["Location"]["properties"]["channels"]
        assert channels["uniqueItems"] is True

    def test_an_empty_body_may_be_left_out(self, contract: Any) -> None:
        found = described(contract)
        assert found["startAnonymousSession"]["requestBody"]["required"] is False
        assert found["addLine"]["requestBody"]["required"] is True

    def test_what_path_and_headers_give_is_no_part_of_the_body(self, contract: Any) -> None:
        operation = described(contract)["addLine"]
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        assert not {"cart", "requestId"} & set(body["properties"])
        given = {(each["in"], each["name"]) for each in operation["parameters"]}
        assert given == {
            ("path", "cart"),
            ("header", "Idempotency-Key"),
            ("header", "If-Match"),
        }

    def test_a_needed_key_is_marked_so(self, contract: Any) -> None:
        keys = {
            name: each.get("required", False)
            for name, operation in described(contract).items()
            for each in operation.get("parameters", ())
            if each["name"] == "Idempotency-Key"
        }
        assert (keys["placeOrder"], keys["createCart"]) == (True, False)

    def test_it_says_who_may_call(self, contract: Any) -> None:
        found = described(contract)
        assert found["getPrices"]["security"] == [{}, {"bearer": []}]
        assert found["receiveStock"]["security"] == [{"bearer": []}]
        assert "`stock.write`" in found["receiveStock"]["description"]

    def test_what_is_answered_is_always_complete(self, contract: Any) -> None:
        availability = contract["components"]["schemas"]["Availability"]
        always = ["sku", "available", "levels", "revision", "backorderAvailable"]
        assert availability["required"] == always


class TestSite:
    @pytest.fixture
    def app(self) -> App:
        router = Router()
        Site(OPERATIONS).add_routes(router)
        return App(router, Cors(()), max_requests=10, strict_transport=False)

    async def test_the_document_is_served_plain_packed_and_not_at_all(self, app: App) -> None:
        plain = await ask(app, "GET", "/openapi.json", "", {}, b"")
        assert plain.json["openapi"] == "3.1.0"
        packed = await ask(app, "GET", "/openapi.json", "", {"accept-encoding": "gzip"}, b"")
        assert packed.headers["content-encoding"] == "gzip"
        assert len(packed.body) < len(plain.body) / 4
        known = {"if-none-match": plain.headers["etag"]}
        assert (await ask(app, "GET", "/openapi.json", "", known, b"")).status == 304

    async def test_the_page_loads_nothing_from_elsewhere(self, app: App) -> None:
        page = await ask(app, "GET", "/docs", "", {}, b"")
        assert page.status == 200
        text = page.body.decode()
        assert not re.search(r"https?://|src=|@import|url\(", text)
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; connect-src 'self'")
        assert policy.count("sha256-") == 2
