"""The one error of the client: what the service answered, in words that say what to change.

The service sends `google.rpc.Status` with details: `BadRequest` names the fields at fault and
their limits, `ErrorInfo` a reason for programs, `RetryInfo` when another try makes sense.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from google.rpc import error_details_pb2, status_pb2

_DETAILS = "grpc-status-details-bin"
_CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class FieldViolation:
    """A field of the request that the service does not take.

    Attributes:
        field: path of the field, such as `spec.steps`.
        description: what is wrong with it and what is allowed.
    """

    field: str
    description: str


@dataclass(eq=False)
class LikenessError(Exception):
    """A call failed.

    Attributes:
        code: gRPC status.
        message: what went wrong, in one sentence.
        violations: the fields at fault.
        reason: constant for programs, such as `IDENTITY_NOT_READY`; empty if none was given.
        metadata: further facts that belong to the reason.
        retry_after_seconds: when another try makes sense; None if the service did not say.
    """

    code: grpc.StatusCode
    message: str
    violations: tuple[FieldViolation, ...] = ()
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    retry_after_seconds: float | None = None

    def __str__(self) -> str:
        told = [f"{violation.field}: {violation.description}" for violation in self.violations]
        message = self.message
        if len(told) > 1 and message.startswith("; ".join(told)):
            # The message repeats the fields in one long line; one line each is easier to read.
            if more := message.removeprefix("; ".join(told)).strip("; "):
                told.append(more)
            message = "the request is not valid"
        lines = [f"{message} ({self.code.name})"]
        lines += [f"  {violation}" for violation in told if violation not in message]
        if self.retry_after_seconds is not None:
            lines.append(f"  Try again in {self.retry_after_seconds:g} s.")
        return "\n".join(lines)

    @classmethod
    def from_status(cls, status: status_pb2.Status) -> "LikenessError":
        """The error that a `google.rpc.Status` describes."""
        error = cls(_CODES.get(status.code, grpc.StatusCode.UNKNOWN), status.message)
        request, info = error_details_pb2.BadRequest(), error_details_pb2.ErrorInfo()
        retry = error_details_pb2.RetryInfo()
        for detail in status.details:
            if detail.Unpack(request):
                error.violations = tuple(
                    FieldViolation(violation.field, violation.description)
                    for violation in request.field_violations
                )
            elif detail.Unpack(info):
                error.reason, error.metadata = info.reason, dict(info.metadata)
            elif detail.Unpack(retry):
                error.retry_after_seconds = retry.retry_delay.ToTimedelta().total_seconds()
        return error

    @classmethod
    def from_rpc(cls, error: grpc.aio.AioRpcError, address: str) -> "LikenessError":
        """The error of a call to the service at `address`."""
        for key, value in error.trailing_metadata() or ():
            if key == _DETAILS:
                return cls.from_status(status_pb2.Status.FromString(value))
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            return cls(error.code(), f"the service at {address} can't be reached")
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return cls(error.code(), f"the service at {address} did not answer in time")
        return cls(error.code(), error.details() or "the service gave no reason")


@contextmanager
def readable_errors(address: str) -> Iterator[None]:
    """Turns gRPC's errors into :class:`LikenessError`."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise LikenessError.from_rpc(error, address) from error
