"""Errors as the service sends them, and what is read of them."""

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc import code_pb2, error_details_pb2, status_pb2

from client import FieldViolation, LikenessError, placeholder_bindings


def _status(*details: object) -> status_pb2.Status:
    status = status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message="the request is not valid")
    for detail in details:
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def test_all_details_are_read() -> None:
    request = error_details_pb2.BadRequest()
    request.field_violations.add(field="spec.steps", description="must be 1 to 150, got 100000")
    request.field_violations.add(field="spec.prompt", description="is empty")
    info = error_details_pb2.ErrorInfo(reason="INVALID_REQUEST", metadata={"limit": "150"})
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(1500)
    error = LikenessError.from_status(_status(request, info, retry))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.violations[1] == FieldViolation("spec.prompt", "is empty")
    assert (error.reason, error.metadata) == ("INVALID_REQUEST", {"limit": "150"})
    assert error.retry_after_seconds == 1.5
    assert str(error).splitlines() == [
        "the request is not valid (INVALID_ARGUMENT)",
        "  spec.steps: must be 1 to 150, got 100000",
        "  spec.prompt: is empty",
        "  Try again in 1.5 s.",
    ]


def test_unknown_details_and_codes_do_no_harm() -> None:
    status = _status(status_pb2.Status(message="not a detail we know"))
    status.code = 99
    error = LikenessError.from_status(status)
    assert error.code is grpc.StatusCode.UNKNOWN
    assert str(error) == "the request is not valid (UNKNOWN)"


def test_each_placeholder_means_the_identity_of_its_name() -> None:
    assert placeholder_bindings("<ann> and <bob-2> with <ann>, 3 < 4 > 2, <not one>") == {
        "ann": "identities/ann",
        "bob-2": "identities/bob-2",
    }
