import logging
from datetime import timedelta

import asyncpg
import grpc
import pytest

from comptoir_runtime import errors
from comptoir_runtime.rpc.refusals import refusal

SOON = timedelta(milliseconds=200)
GONE = "DATABASE_UNAVAILABLE"
Code = grpc.StatusCode


class TestRefusal:
    @pytest.mark.parametrize(
        ("error", "reason", "status", "retry_after"),
        [
            (asyncpg.LockNotAvailableError("x"), "LOCK_TIMEOUT", Code.ABORTED, SOON),
            (asyncpg.QueryCanceledError("x"), "QUERY_TIMEOUT", Code.DEADLINE_EXCEEDED, None),
            (asyncpg.SerializationError("x"), "CONCURRENT_CHANGE", Code.ABORTED, SOON),
            (asyncpg.DeadlockDetectedError("x"), "CONCURRENT_CHANGE", Code.ABORTED, SOON),
            (asyncpg.TooManyConnectionsError("x"), "OVERLOADED", Code.RESOURCE_EXHAUSTED, SOON),
            (
                asyncpg.ConnectionDoesNotExistError("x"),
                GONE,
                Code.UNAVAILABLE,
                SOON,
            ),
            (asyncpg.CannotConnectNowError("x"), GONE, Code.UNAVAILABLE, SOON),
            (asyncpg.AdminShutdownError("x"), GONE, Code.UNAVAILABLE, SOON),
            (
                asyncpg.InterfaceError("connection is closed"),
                GONE,
                Code.UNAVAILABLE,
                SOON,
            ),
            (
                asyncpg.InternalClientError(
                    "cannot switch to state 12; another operation (2) is in progress"
                ),
                GONE,
                Code.UNAVAILABLE,
                SOON,
            ),
            (ConnectionRefusedError(), GONE, Code.UNAVAILABLE, SOON),
            (
                asyncpg.CharacterNotInRepertoireError("NUL in text"),
                "INVALID_FIELDS",
                Code.INVALID_ARGUMENT,
                None,
            ),
            (
                asyncpg.NumericValueOutOfRangeError("integer out of range"),
                "NUMBER_TOO_LARGE",
                Code.OUT_OF_RANGE,
                None,
            ),
            (
                asyncpg.UntranslatableCharacterError("NUL in jsonb"),
                "INVALID_FIELDS",
                Code.INVALID_ARGUMENT,
                None,
            ),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
    )
    def test_names_the_troubles_of_the_database(
        self, error: Exception, reason: str, status: grpc.StatusCode, retry_after: timedelta | None
    ) -> None:
        failure = refusal(error, "demo")
        assert (failure.reason, failure.status, failure.retry_after) == (
            reason,
            status,
            retry_after,
        )

    @pytest.mark.parametrize(
        "kind",
        [
            errors.NotFound,
            errors.InvalidArgument,
            errors.FailedPrecondition,
            errors.Aborted,
            errors.AlreadyExists,
            errors.PermissionDenied,
            errors.Unauthenticated,
            errors.Unavailable,
            errors.ResourceExhausted,
            errors.OutOfRange,
            errors.DeadlineExceeded,
        ],
    )
    def test_a_failure_is_told_as_it_is(self, kind: type[errors.Failure]) -> None:
        failure = kind("told")
        assert refusal(failure, "demo") is failure
        assert failure.status.name == failure.reason == errors.reason_of(kind.__name__)

    @pytest.mark.parametrize(
        "error",
        [
            ValueError("the password is hunter2"),
            asyncpg.UniqueViolationError("the password is hunter2"),
            asyncpg.InterfaceError("another operation is in progress: hunter2"),
        ],
    )
    def test_what_nobody_foresaw_keeps_its_text_in_the_log(
        self, error: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.ERROR):
            failure = refusal(error, "demo.v1.Demo/Do")
        assert (failure.reason, failure.status) == ("INTERNAL", Code.INTERNAL)
        assert failure.message == "internal error"
        (record,) = caplog.records
        assert failure.metadata == {"log_id": record.__dict__["log_id"]}
        assert record.__dict__["procedure"] == "demo.v1.Demo/Do"
        assert record.exc_info is not None
        assert record.exc_info[1] is error

    @pytest.mark.parametrize(
        "status", [Code.UNAUTHENTICATED, Code.PERMISSION_DENIED, Code.UNIMPLEMENTED, Code.UNKNOWN]
    )
    def test_a_neighbours_refusal_of_us_is_our_fault_not_the_callers(
        self, status: grpc.StatusCode
    ) -> None:
        remote = errors.RemoteFailure("no", reason=status.name, status=status)
        assert refusal(remote, "demo").status is Code.INTERNAL

    def test_a_neighbours_refusal_of_the_request_is_passed_on(self) -> None:
        remote = errors.RemoteFailure("no", reason="EMPTY", status=Code.FAILED_PRECONDITION)
        assert refusal(remote, "demo") is remote
