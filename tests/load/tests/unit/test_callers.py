"""What the callers of a procedure send and tell."""

from __future__ import annotations

import itertools

from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir.inventory.v1 import stock_pb2
from tests.load.callers import Task, bodies_of, encoded


def task(*skus: str, unique: bool) -> Task:
    lines = [stock_pb2.ReservationLine(sku=sku, location="lyon", quantity=1) for sku in skus]
    bodies = [pb.ReserveRequest(lines=[line]).SerializeToString() for line in lines]
    return Task(["nowhere"], "/path", "", encoded(bodies), at_once=1, unique=unique)


def test_each_call_is_a_request_of_its_own() -> None:
    sent = list(itertools.islice(bodies_of(task("A", "B", unique=True)), 4))
    requests = [pb.ReserveRequest.FromString(body) for body in sent]
    assert [request.lines[0].sku for request in requests] == ["A", "B", "A", "B"]
    assert len({request.request_id for request in requests}) == 4
    assert all(request.owner == request.request_id for request in requests)


def test_bodies_are_sent_as_they_are_unless_told_otherwise() -> None:
    ready = task("A", unique=False)
    [body] = itertools.islice(bodies_of(ready), 1)
    assert pb.ReserveRequest.FromString(body).request_id == ""
