from datetime import timedelta

import grpc
import orjson
import pytest

from comptoir_gateway.problems import Problem, as_sent, from_failure, invalid
from comptoir_runtime.errors import (
    Aborted,
    FailedPrecondition,
    IdempotencyKeyReused,
    Overloaded,
    Precondition,
    RemoteFailure,
    StaleEtag,
    Violation,
)


class OutOfStock(FailedPrecondition):
    pass


class CartLocked(Aborted):
    pass


def remote(status: grpc.StatusCode, domain: str = "comptoir.cart") -> RemoteFailure:
    return RemoteFailure("some text", reason="SOME_REASON", status=status, domain=domain)


class TestMapping:
    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            (grpc.StatusCode.INVALID_ARGUMENT, 400),
            (grpc.StatusCode.OUT_OF_RANGE, 400),
            (grpc.StatusCode.UNAUTHENTICATED, 401),
            (grpc.StatusCode.PERMISSION_DENIED, 403),
            (grpc.StatusCode.NOT_FOUND, 404),
            (grpc.StatusCode.ALREADY_EXISTS, 409),
            (grpc.StatusCode.FAILED_PRECONDITION, 409),
            (grpc.StatusCode.ABORTED, 409),
            (grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
            (grpc.StatusCode.UNIMPLEMENTED, 501),
            (grpc.StatusCode.UNAVAILABLE, 503),
            (grpc.StatusCode.DEADLINE_EXCEEDED, 504),
            (grpc.StatusCode.INTERNAL, 500),
            (grpc.StatusCode.UNKNOWN, 500),
        ],
    )
    def test_each_status_has_one_in_http(self, status: grpc.StatusCode, expected: int) -> None:
        problem = from_failure(remote(status))
        assert (problem.status, problem.reason) == (expected, "SOME_REASON")

    def test_http_has_words_of_its_own_for_some_reasons(self) -> None:
        assert from_failure(StaleEtag("x")).status == 412
        assert from_failure(IdempotencyKeyReused("x")).status == 422
        assert from_failure(CartLocked("x")).status == 409

    def test_what_grpc_itself_says_is_not_repeated(self) -> None:
        failure = RemoteFailure(
            "failed to connect to ipv4:10.0.0.7:5001",
            reason="UNAVAILABLE",
            status=grpc.StatusCode.UNAVAILABLE,
        )
        problem = from_failure(failure)
        assert (problem.status, problem.reason) == (503, "UNAVAILABLE")
        assert "10.0.0.7" not in problem.detail
        assert (b"retry-after", b"1") in problem.headers

    def test_an_internal_error_tells_nothing(self) -> None:
        failure = RemoteFailure(
            "Exception calling application", reason="UNKNOWN", status=grpc.StatusCode.UNKNOWN
        )
        problem = from_failure(failure)
        assert (problem.status, problem.reason, problem.detail) == (
            500,
            "INTERNAL",
            "internal error",
        )

    def test_a_wait_is_told_in_whole_seconds(self) -> None:
        failure = Overloaded("x", retry_after=timedelta(seconds=1.2))
        assert (b"retry-after", b"2") in from_failure(failure).headers


class TestDocument:
    def test_it_has_the_members_of_rfc_9457_and_what_programs_need(self) -> None:
        failure = OutOfStock(
            "one line is short",
            metadata={"sku": "A"},
            violations=[Violation("lines[0].unit_price", "is wrong")],
            preconditions=[Precondition("STOCK", "A", "0 available")],
        )
        assert from_failure(failure).document("/v1/orders", "r1") == {
            "type": "urn:comptoir:problem:out-of-stock",
            "title": "Conflict",
            "status": 409,
            "detail": "one line is short",
            "instance": "/v1/orders",
            "reason": "OUT_OF_STOCK",
            "requestId": "r1",
            "violations": [{"field": "lines[0].unitPrice", "description": "is wrong"}],
            "preconditions": [{"type": "STOCK", "subject": "A", "description": "0 available"}],
            "metadata": {"sku": "A"},
        }

    def test_a_name_that_no_text_can_hold_does_not_break_the_answer(self) -> None:
        body = invalid(Violation("a\ud800b", "is given twice")).render("/", "r")
        assert orjson.loads(body)["violations"] == [
            {"field": "a?b", "description": "is given twice"}
        ]

    def test_a_bare_problem_has_no_empty_lists(self) -> None:
        assert set(Problem(404, "X", "y").document("/", "r")) == {
            "type",
            "title",
            "status",
            "detail",
            "instance",
            "reason",
            "requestId",
        }


class TestFieldNames:
    @pytest.mark.parametrize(
        ("path", "shown"),
        [
            ("sku", "sku"),
            ("delivery.address.postal_code", "delivery.address.postalCode"),
            ("lines[2].unit_price", "lines[2].unitPrice"),
            ('label.texts["fr_FR"]', 'label.texts["fr_FR"]'),
            ('a_b["x.y_z"].c_d', 'aB["x.y_z"].cD'),
            ("request_id", "Idempotency-Key"),
            ("etag", "If-Match"),
        ],
    )
    def test_fields_are_named_as_clients_write_them(self, path: str, shown: str) -> None:
        assert as_sent(path) == shown
