from datetime import timedelta

import grpc
import pytest
from google.rpc import status_pb2

from comptoir_runtime import errors
from comptoir_runtime.errors import (
    STATUS_DETAILS_KEY,
    Failure,
    Precondition,
    Violation,
    from_rpc_error,
    from_status,
    reason_of,
    to_status,
)


class OutOfPaper(errors.FailedPrecondition):
    pass


def rpc_error(code: grpc.StatusCode, details: str, trailing: bytes | None) -> grpc.aio.AioRpcError:
    metadata = grpc.aio.Metadata()
    if trailing is not None:
        metadata.add(STATUS_DETAILS_KEY, trailing)
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details)


class TestReason:
    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("OutOfStock", "OUT_OF_STOCK"),
            ("NotFound", "NOT_FOUND"),
            ("HTTPGone", "HTTP_GONE"),
            ("Sha256Mismatch", "SHA256_MISMATCH"),
        ],
    )
    def test_is_derived_from_the_class_name(self, name: str, reason: str) -> None:
        assert reason_of(name) == reason

    def test_may_be_set_by_the_class(self) -> None:
        class Gone(errors.NotFound):
            reason = "VANISHED"

        assert Gone("x").reason == "VANISHED"

    def test_is_not_inherited_by_a_new_name(self) -> None:
        class EvenLess(OutOfPaper):
            pass

        assert EvenLess("x").reason == "EVEN_LESS"
        assert EvenLess("x").status is grpc.StatusCode.FAILED_PRECONDITION


class TestWireForm:
    def test_everything_comes_back(self) -> None:
        failure = OutOfPaper(
            "no paper left",
            metadata={"tray": "2"},
            violations=[Violation("lines[0].quantity", "too many")],
            preconditions=[Precondition("STOCK", "paper", "0 left")],
            retry_after=timedelta(seconds=1.5),
        )
        status = to_status(failure, "comptoir.print")
        back = from_status(status_pb2.Status.FromString(status.SerializeToString()))
        assert back.reason == "OUT_OF_PAPER"
        assert back.status is grpc.StatusCode.FAILED_PRECONDITION
        assert back.domain == "comptoir.print"
        assert back.message == "no paper left"
        assert back.metadata == {"tray": "2"}
        assert back.violations == (Violation("lines[0].quantity", "too many"),)
        assert back.preconditions == (Precondition("STOCK", "paper", "0 left"),)
        assert back.retry_after == timedelta(seconds=1.5)

    def test_a_passed_on_failure_keeps_the_domain_that_defined_its_reason(self) -> None:
        received = from_status(to_status(OutOfPaper("x"), "comptoir.print"))
        assert from_status(to_status(received, "comptoir.office")).domain == "comptoir.print"

    def test_violations_are_limited_so_that_trailing_metadata_fits(self) -> None:
        many = [Violation(f"f[{n}]", "wrong") for n in range(100)]
        back = from_status(to_status(Failure("x", violations=many), "comptoir.print"))
        assert len(back.violations) == errors.MAX_VIOLATIONS


class TestFromRpcError:
    def test_reads_the_details(self) -> None:
        wire = to_status(OutOfPaper("no paper"), "comptoir.print").SerializeToString()
        failure = from_rpc_error(rpc_error(grpc.StatusCode.FAILED_PRECONDITION, "no paper", wire))
        assert failure.reason == "OUT_OF_PAPER"

    @pytest.mark.parametrize("trailing", [None, b"\xff\xff\xff"])
    def test_without_details_the_status_is_the_reason(self, trailing: bytes | None) -> None:
        failure = from_rpc_error(rpc_error(grpc.StatusCode.UNAVAILABLE, "refused", trailing))
        assert failure.reason == "UNAVAILABLE"
        assert failure.status is grpc.StatusCode.UNAVAILABLE
        assert failure.message == "refused"
