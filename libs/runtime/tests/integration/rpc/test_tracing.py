from collections.abc import Iterator

import pytest

from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.demo import GetNoteRequest
from comptoir_testing.telemetry import Told
from libs.runtime.tests.integration.rpc.notes import Running

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
METADATA = (("traceparent", PARENT),)


@pytest.fixture
def told() -> Iterator[Told]:
    told = Told()
    with told.by("demo"):
        yield told


@pytest.fixture
def traced(told: Told, running: Running) -> Running:
    """The service, started after tracing was turned on."""
    return running


class TestTracing:
    async def test_a_call_is_a_span_in_the_callers_trace(self, told: Told, traced: Running) -> None:
        await traced.client.call("GetNote", GetNoteRequest(), metadata=METADATA)
        (span,) = told.spans
        assert span.name == "comptoir.demo.v1.DemoService/GetNote"
        assert span.parent is not None
        assert f"{span.parent.trace_id:032x}-{span.parent.span_id:016x}" == PARENT[3:52]
        assert span.status.is_ok

    async def test_a_refused_call_is_marked_and_so_is_what_is_said_of_it(
        self, told: Told, traced: Running
    ) -> None:
        with pytest.raises(RemoteFailure) as refused:
            await traced.client.call("GetNote", GetNoteRequest(text="broken"), metadata=METADATA)
        (span,) = told.spans
        assert span.status.description == "internal error"
        (line,) = told.lines
        assert line.log_record.body == "unexpected error"
        assert line.log_record.trace_id == span.context.trace_id == int(PARENT[3:35], 16)
        assert line.log_record.span_id == span.context.span_id
        assert line.log_record.attributes is not None
        assert line.log_record.attributes["comptoir.log_id"] == refused.value.metadata["log_id"]
