# ruff: noqa: N802 - procedures are named by the proto
from collections.abc import AsyncIterator
from typing import Any

import pytest

from comptoir_runtime.auth import Rule
from comptoir_runtime.rpc import (
    Binding,
    Call,
    DeclarationError,
    Shape,
    process,
    query,
    step,
    stream,
    upload,
)
from comptoir_runtime.rpc.procedures import procedures_of
from comptoir_testing.demo import BARE, DEMO, Note


class Demo:
    @step
    async def PutNote(self, request: Any, call: Call) -> Any:
        return Note()

    @query
    async def GetNote(self, request: Any, call: Call) -> Any:
        return Note()

    @process
    async def RunNote(self, request: Any, call: Call) -> Any:
        return Note()

    @stream
    async def WatchNotes(self, request: Any, call: Call) -> AsyncIterator[Any]:
        yield Note()

    @upload
    async def UploadNotes(self, requests: AsyncIterator[Any], call: Call) -> Any:
        return Note()


def refusal_of(*bindings: Binding) -> str:
    with pytest.raises(DeclarationError) as caught:
        procedures_of(bindings)
    return str(caught.value)


class TestProceduresOf:
    def test_reads_shape_rule_and_request_id(self) -> None:
        found = {
            each.path.rpartition("/")[2]: each for each in procedures_of([Binding(DEMO, Demo())])
        }
        assert {name: (each.shape, each.keyed) for name, each in found.items()} == {
            "PutNote": (Shape.STEP, True),
            "GetNote": (Shape.QUERY, False),
            "RunNote": (Shape.PROCESS, True),
            "WatchNotes": (Shape.STREAM, False),
            "UploadNotes": (Shape.UPLOAD, True),
        }
        put = found["PutNote"]
        assert put.path == "/comptoir.demo.v1.DemoService/PutNote"
        assert put.name == "comptoir.demo.v1.DemoService/PutNote"
        assert put.rule == Rule(owner=True, service=True)

    def test_a_procedure_without_an_access_option_keeps_the_service_from_starting(self) -> None:
        class Bare:
            @query
            async def Bare(self, request: Any, call: Call) -> Any: ...

        expected = "comptoir.demo.v1.BareService/Bare: no access option, nobody could call it"
        assert refusal_of(Binding(BARE, Bare())) == expected

    def test_a_missing_method_is_named(self) -> None:
        class Less(Demo):
            GetNote = None  # type: ignore[assignment]  # takes it away

        assert "DemoService/GetNote: not implemented" in refusal_of(Binding(DEMO, Less()))

    def test_an_undecorated_method_is_named(self) -> None:
        class Plain(Demo):
            async def GetNote(self, request: Any, call: Call) -> Any: ...

        assert "DemoService/GetNote: no @step" in refusal_of(Binding(DEMO, Plain()))

    def test_a_decorator_that_does_not_fit_the_proto_is_named(self) -> None:
        class Wrong(Demo):
            @query
            async def WatchNotes(self, request: Any, call: Call) -> Any: ...  # type: ignore[override]  # the mistake

        assert "does not fit @query" in refusal_of(Binding(DEMO, Wrong()))

    def test_a_method_the_proto_does_not_know_is_named(self) -> None:
        class More(Demo):
            @query
            async def GetNotes(self, request: Any, call: Call) -> Any: ...

        assert "More.GetNotes: no such procedure" in refusal_of(Binding(DEMO, More()))

    def test_a_service_bound_twice_is_named(self) -> None:
        twice = refusal_of(Binding(DEMO, Demo()), Binding(DEMO, Demo()))
        assert "/comptoir.demo.v1.DemoService/PutNote: bound twice" in twice
