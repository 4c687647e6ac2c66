import pytest
from google.protobuf.message import Message

from comptoir.events.v1 import events_service_pb2 as events
from comptoir.options.v1 import event_pb2
from comptoir_testing.variation import another_body
from libs.testing.tests.sample.contracts import shelf


class TestAnotherBody:
    @pytest.mark.parametrize(
        "message",
        [
            shelf.AddBookRequest(request_id="one", title="Cousin Pons"),
            shelf.AddBookRequest(request_id="one", title="x" * 40),
            shelf.RenameBookRequest(request_id="one", book="7"),
            shelf.RenameBookRequest(request_id="one"),
            events.ReplayEventsRequest(kind=event_pb2.Event.KIND_FACT, first_sequence=1),
        ],
    )
    def test_one_field_differs_and_the_id_stays(self, message: Message) -> None:
        other = another_body(message, keep="request_id")

        assert other is not None
        assert other != message
        assert getattr(other, "request_id", "") == getattr(message, "request_id", "")

    def test_the_original_is_left_as_it_is(self) -> None:
        message = shelf.AddBookRequest(request_id="one", title="Cousin Pons")
        before = message.SerializeToString()

        another_body(message, keep="request_id")

        assert message.SerializeToString() == before

    def test_there_may_be_none(self) -> None:
        assert another_body(shelf.BookAdded(), keep="book") is None
