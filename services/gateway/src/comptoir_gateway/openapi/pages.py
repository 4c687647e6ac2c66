"""What no contract describes: the compositions, the problems, and the platform's own routes."""

from collections.abc import Mapping
from typing import Any

from comptoir_gateway.openapi.schemas import Schema


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(text: str, properties: Mapping[str, Schema]) -> Schema:
    return {
        "type": "object",
        "description": text,
        "properties": dict(properties),
        "required": list(properties),
    }


_TEXT: Schema = {"type": "string"}
_DEGRADED = {
    **_list(_ref("MissingPart")),
    "description": "Parts that are missing, with the reason.",
}

PAGE_SCHEMAS: Mapping[str, Schema] = {
    "Problem": {
        "type": "object",
        "description": "A refusal (RFC 9457).",
        "required": ["type", "title", "status", "detail", "instance", "reason", "requestId"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": _TEXT,
            "status": {"type": "integer"},
            "detail": {**_TEXT, "description": "For people."},
            "instance": {**_TEXT, "description": "The address that was asked."},
            "reason": {
                **_TEXT,
                "description": "For programs; stable.",
                "examples": ["OUT_OF_STOCK"],
            },
            "requestId": {**_TEXT, "description": "Also in the header X-Request-Id."},
            "violations": _list(
                _object(
                    "A field at fault, named as it was sent.",
                    {"field": _TEXT, "description": _TEXT},
                )
            ),
            "preconditions": _list(
                _object(
                    "A condition that is not met.",
                    {"type": _TEXT, "subject": _TEXT, "description": _TEXT},
                )
            ),
            "metadata": {"type": "object", "additionalProperties": _TEXT},
        },
    },
    "MissingPart": _object(
        "A part the page lacks.",
        {"part": _TEXT, "reason": {**_TEXT, "examples": ["UNAVAILABLE"]}},
    ),
    "NearbyStore": _object(
        "A store and what it has of the product.",
        {
            "location": _TEXT,
            "name": _TEXT,
            "city": _TEXT,
            "distanceKm": {"type": "number"},
            "available": {"type": "integer"},
        },
    ),
    "ProductPage": _object(
        "A product with all a shop window needs.",
        {
            "product": _ref("PublishedProduct"),
            "price": _or_null(_ref("ResolvedPrice")),
            "availability": _or_null(_ref("Availability")),
            "stores": _or_null(_list(_ref("NearbyStore"))),
            "related": _or_null(_list(_ref("PublishedProduct"))),
            "degraded": _DEGRADED,
        },
    ),
    "CatalogueItem": _object(
        "A product in a list.",
        {
            "product": _ref("PublishedProduct"),
            "price": _or_null(_ref("ResolvedPrice")),
            "availability": _or_null(_ref("Availability")),
        },
    ),
    "CataloguePage": _object(
        "Products of a category.",
        {
            "items": _list(_ref("CatalogueItem")),
            "nextPageToken": {**_TEXT, "description": "Where to go on; empty at the end."},
            "degraded": _DEGRADED,
        },
    ),
    "CheckoutPage": _object(
        "A cart before it is ordered.",
        {
            "cart": _ref("Cart"),
            "shippingMethods": _or_null(_list(_ref("ShippingMethod"))),
            "paymentMethods": _or_null(_list(_ref("PaymentMethod"))),
            "availability": _or_null(_list(_ref("Availability"))),
            "degraded": _DEGRADED,
        },
    ),
}


def page_paths() -> dict[str, dict[str, Any]]:
    """The paths that no contract declares."""
    near = _query("near", "Where the customer is: latitude,longitude.", example="45.76,4.83")
    channel = _query("channel", 'Channel to look into; empty means "web".', example="web")
    locale = _query("locale", "Locale of the texts; empty follows Accept-Language.", "fr_FR")
    return {
        "/v1/pages/products/{product}": _get(
            "getProductPage",
            "A product page: product, price, stock, stores nearby, related products",
            "ProductPage",
            [_path("product", "Id or sku of the product."), channel, locale, near],
        ),
        "/v1/pages/catalogue": _get(
            "getCataloguePage",
            "A page of products with prices and stock",
            "CataloguePage",
            [
                _query("category", "Only products of this category and of those below."),
                channel,
                locale,
                {**_query("pageSize", "Most products to answer."), "schema": {"type": "integer"}},
                _query("pageToken", "Where to go on, from an earlier answer."),
            ],
        ),
        "/v1/pages/checkout/{cart}": {
            "get": {
                **_get(
                    "getCheckoutPage",
                    "A cart with its ways of delivery and payment",
                    "CheckoutPage",
                    [_path("cart", "Id of the cart.")],
                )["get"],
                "security": [{"bearer": []}],
            }
        },
        "/v1/webhooks/payments/{provider}": {"post": _webhook()},
        "/healthz": _plain("getHealth", "Whether the gateway answers"),
        "/readyz": _readiness(),
        "/.well-known/jwks.json": _plain(
            "getJwks",
            "The keys that verify access tokens (RFC 7517)",
            kind="application/jwk-set+json",
        ),
    }


def _get(name: str, summary: str, schema: str, parameters: list[Schema]) -> dict[str, Any]:
    answer = {"description": summary, "content": {"application/json": {"schema": _ref(schema)}}}
    return {
        "get": {
            "operationId": name,
            "tags": ["pages"],
            "summary": summary,
            "description": f"{summary}. A part that cannot be had is null; `degraded` says why.",
            "parameters": parameters,
            "responses": {
                "200": answer,
                **_problems("400", "401", "403", "404", "429", "503", "504"),
            },
            "security": [{}, {"bearer": []}],
        }
    }


def _problems(*codes: str) -> dict[str, Any]:
    return {code: {"$ref": f"#/components/responses/{code}"} for code in codes}


def _webhook() -> dict[str, Any]:
    answer = _object("What became of it.", {"new": {"type": "boolean"}})
    return {
        "operationId": "handlePaymentWebhook",
        "tags": ["platform"],
        "summary": "Takes a payment provider's notice; its signature is the authorisation",
        "parameters": [_path("provider", "Name of the provider.")],
        "requestBody": {"required": True, "content": {"application/json": {"schema": {}}}},
        "responses": {
            "200": {
                "description": "The notice is stored.",
                "content": {"application/json": {"schema": answer}},
            },
            **_problems("400", "404", "408", "413", "429", "503", "504"),
        },
        "security": [],
    }


def _plain(
    name: str, summary: str, *problems: str, kind: str = "application/json"
) -> dict[str, Any]:
    return {
        "get": {
            "operationId": name,
            "tags": ["platform"],
            "summary": summary,
            "responses": {
                "200": {
                    "description": "Yes.",
                    "content": {kind: {"schema": {"type": "object"}}},
                },
                **{code: {"description": "No."} for code in problems},
            },
            "security": [],
        }
    }


def _readiness() -> dict[str, Any]:
    asked = _plain("getReadiness", "Whether requests can be sent here", "503")["get"]
    whole = "`all` asks for all services; else one that is ready is enough."
    return {"get": {**asked, "parameters": [_query("require", whole, "all")]}}


def _path(name: str, text: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "description": text, "schema": _TEXT}


def _query(name: str, text: str, example: str | None = None) -> Schema:
    schema = {"name": name, "in": "query", "description": text, "schema": _TEXT}
    return schema if example is None else {**schema, "example": example}
