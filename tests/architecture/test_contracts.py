"""What every contract promises, beyond what buf checks."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest
from google.protobuf.descriptor import (
    Descriptor,
    FieldDescriptor,
    FileDescriptor,
    MethodDescriptor,
)

import comptoir
from buf.validate import validate_pb2
from comptoir.options.v1 import access_pb2, event_pb2

READING = ("Find", "Get", "List", "Quote", "Watch")
# Writes without a request id, each with what makes repeating them harmless.
REPEATABLE = {
    "Authenticate": "gives a new session; the old one stays valid until it ends",
    "AuthenticateStaff": "as Authenticate",
    "CompleteCart": "a cart that is complete for this order stays so",
    "EndSession": "a session that has ended stays so",
    "HandleWebhook": "the provider's event id tells repetitions",
    "ImportStock": "the sequence of the file says what was taken over before",
    "LockForCheckout": "the same version of a cart gives the same quote",
    "RefreshSession": "the refresh token is used up; its reuse must be noticed, not replayed",
    "ReplayEvents": "consumers drop what they know already",
    "StartAnonymousSession": "gives a new visitor; nothing is kept of an unused one",
    "Unlock": "a cart that is open stays so",
    "UploadImport": "the start of the import carried the request id",
}
# Lists that need no pages, each with what keeps them short.
SHORT_LISTS = {
    "ListPaymentMethods": "a handful of configured methods",
    "ListShippingMethods": "a handful of methods that fit one cart",
}
# Skus that no procedure writes, each with why it is in a request all the same.
GIVEN_ONCE = {"comptoir.pim.v1.Product.sku": "a product keeps the one it was made with"}
# Fractions that are no amounts.
MEASURES = {"distance_km", "latitude", "longitude"}


def files() -> Iterator[FileDescriptor]:
    for module in pkgutil.walk_packages(comptoir.__path__, "comptoir."):
        if module.name.endswith("_pb2"):
            yield importlib.import_module(module.name).DESCRIPTOR


def procedures() -> list[MethodDescriptor]:
    return [
        method
        for file in files()
        for service in file.services_by_name.values()
        for method in service.methods
    ]


def messages() -> Iterator[Descriptor]:
    waiting = [message for file in files() for message in file.message_types_by_name.values()]
    while waiting:
        message = waiting.pop()
        waiting += message.nested_types
        yield message


def within(message: Descriptor) -> Iterator[FieldDescriptor]:
    """Every field of a message and of the messages in it."""
    waiting, seen = [message], {message.full_name}
    while waiting:
        for field in waiting.pop().fields:
            yield field
            inner = field.message_type
            if inner is not None and inner.full_name not in seen:
                seen.add(inner.full_name)
                waiting.append(inner)


def fields_of(procedure: MethodDescriptor) -> set[str]:
    return set(procedure.input_type.fields_by_name)


PROCEDURES = [pytest.param(method, id=str(method.full_name)) for method in procedures()]
LISTS = [
    pytest.param(method, id=str(method.full_name))
    for method in procedures()
    if method.name.startswith(("Find", "List")) and method.name not in SHORT_LISTS
]
UPDATES = [
    pytest.param(method, id=str(method.full_name))
    for method in procedures()
    if method.name.startswith("Update")
]
EVENTS = [
    pytest.param(message, id=str(message.full_name))
    for message in messages()
    if message.file.name.endswith("/events.proto") and message.containing_type is None
]


class TestProcedures:
    @pytest.mark.parametrize("procedure", PROCEDURES)
    def test_each_says_who_may_call_it(self, procedure: MethodDescriptor) -> None:
        access = procedure.GetOptions().Extensions[access_pb2.access]
        assert access.anyone or access.owner or access.permissions or access.service

    @pytest.mark.parametrize("procedure", PROCEDURES)
    def test_each_write_can_be_repeated(self, procedure: MethodDescriptor) -> None:
        reads = procedure.name.startswith(READING)
        assert reads or procedure.name in REPEATABLE or "request_id" in fields_of(procedure)

    @pytest.mark.parametrize("procedure", LISTS)
    def test_each_list_pages(self, procedure: MethodDescriptor) -> None:
        assert {"page_size", "page_token"} <= fields_of(procedure)
        assert "next_page_token" in procedure.output_type.fields_by_name

    @pytest.mark.parametrize("procedure", UPDATES)
    def test_each_update_names_its_fields_and_the_version_it_read(
        self, procedure: MethodDescriptor
    ) -> None:
        assert {"update_mask", "etag"} <= fields_of(procedure)

    def test_no_exception_is_left_over(self) -> None:
        names = {method.name for method in procedures()}
        assert REPEATABLE.keys() | SHORT_LISTS.keys() <= names

    @pytest.mark.parametrize("lookalike", ["POLO\u200b", "\uff30OLO", "P\u041eLO", "POLO "])
    def test_no_write_takes_a_sku_that_looks_like_another(self, lookalike: str) -> None:
        written = {
            field.full_name: field.GetOptions().Extensions[validate_pb2.field].string.pattern
            for procedure in procedures()
            if not procedure.name.startswith(READING)
            for field in within(procedure.input_type)
            if field.name == "sku" and field.full_name not in GIVEN_ONCE
        }
        assert len(written) >= 10
        assert [name for name, rule in written.items() if re.search(rule, lookalike)] == []


class TestEvents:
    @pytest.mark.parametrize("message", EVENTS)
    def test_each_says_its_kind_and_its_key(self, message: Descriptor) -> None:
        option = message.GetOptions().Extensions[event_pb2.event]
        assert option.kind != event_pb2.Event.KIND_UNSPECIFIED
        key = message.fields_by_name.get(option.key)
        assert key is not None
        assert key.type == FieldDescriptor.TYPE_STRING


class TestFields:
    def test_no_amount_is_a_float(self) -> None:
        floating = (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT)
        found = {
            field.full_name
            for message in messages()
            for field in message.fields
            if field.type in floating and field.name not in MEASURES
        }
        assert found == set()
