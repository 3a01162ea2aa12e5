"""Errors, in the order in which a request meets them on its way through the gateway.

    authentication     UnauthenticatedError, PermissionDeniedError
    quotas             QuotaExceededError
    validation         InvalidRequestError
    store              NotFoundError, AlreadyExistsError, FailedPreconditionError, AbortedError,
                       UnavailableError
    blobs              DataLossError, UnavailableError
    sampler (Triton)   ResourceExhaustedError, UnavailableError, ModelDiedError,
                       DeadlineExceededError, SamplerFailedError

Everything else that is raised is a fault of the gateway and reaches the caller as INTERNAL with a
correlation id. A ``reason`` is one of `error_reason.proto` and may be logged; messages are for the
caller alone, since they may quote a request. `interceptors.py` turns these errors into answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

DOMAIN = "likeness.dev"

MAX_VIOLATIONS = 8
MAX_TEXT = 160
"""Limits of what is quoted: all details travel in HTTP/2 headers, of which peers take 8 KB."""


class GatewayError(Exception):
    """An error with an answer for the caller.

    Args:
        message: what went wrong, in one sentence.
        reason: stable constant for programs.
    """

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason

    def details(self) -> list[Message]:
        """The typed details of the answer."""
        return [error_details_pb2.ErrorInfo(reason=self.reason, domain=DOMAIN)]

    def to_status(self) -> status_pb2.Status:
        """The answer."""
        status = status_pb2.Status(code=self.code.value[0], message=self.message)
        for detail in self.details():
            status.details.add().Pack(detail)
        return status


class UnauthenticatedError(GatewayError):
    """The caller shows no credential that is good here."""

    code = grpc.StatusCode.UNAUTHENTICATED


class PermissionDeniedError(GatewayError):
    """The caller is known, but may not do this."""

    code = grpc.StatusCode.PERMISSION_DENIED


@dataclass(frozen=True)
class Violation:
    """A field of the request and what is wrong with it."""

    field: str
    description: str

    def __str__(self) -> str:
        return f"{self.field}: {self.description}"


class InvalidRequestError(GatewayError):
    """Fields of the request are wrong; all of them are told."""

    code = grpc.StatusCode.INVALID_ARGUMENT

    def __init__(self, violations: Sequence[Violation], reason: str = "INVALID_REQUEST") -> None:
        told = [Violation(v.field[:MAX_TEXT], v.description[:MAX_TEXT]) for v in violations]
        self.violations = told[:MAX_VIOLATIONS]
        message = "; ".join(map(str, self.violations))
        if (more := len(told) - MAX_VIOLATIONS) > 0:
            message += f"; and {more} more"
        super().__init__(message, reason)

    def details(self) -> list[Message]:
        request = error_details_pb2.BadRequest()
        for violation in self.violations:
            request.field_violations.add(field=violation.field, description=violation.description)
        return [request, *super().details()]


class _ResourceError(GatewayError):
    def __init__(self, kind: str, name: str, message: str, reason: str) -> None:
        super().__init__(message, reason)
        self._kind, self._name = kind, name

    def details(self) -> list[Message]:
        resource = error_details_pb2.ResourceInfo(
            resource_type=self._kind, resource_name=self._name, description=self.message
        )
        return [resource, *super().details()]


class NotFoundError(_ResourceError):
    """A resource does not exist."""

    code = grpc.StatusCode.NOT_FOUND

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name, f"{name} does not exist", "NOT_FOUND")


class AlreadyExistsError(_ResourceError):
    """A resource of this name, or another request of this id, exists."""

    code = grpc.StatusCode.ALREADY_EXISTS


class FailedPreconditionError(_ResourceError):
    """A resource is not in the state that the request needs."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class AbortedError(_ResourceError):
    """A resource has changed since the caller looked at it."""

    code = grpc.StatusCode.ABORTED


class DataLossError(GatewayError):
    """Stored bytes are gone or are not what was stored."""

    code = grpc.StatusCode.DATA_LOSS


class _RetryError(GatewayError):
    """Another try may succeed after ``retry_seconds``."""

    def __init__(self, message: str, reason: str, retry_seconds: float = 2.0) -> None:
        super().__init__(message, reason)
        self.retry_seconds = retry_seconds

    def details(self) -> list[Message]:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(round(self.retry_seconds * 1000))
        return [retry, *super().details()]


class UnavailableError(_RetryError):
    """Something the request needs is away for the moment."""

    code = grpc.StatusCode.UNAVAILABLE


class ModelDiedError(UnavailableError):
    """The process of one of Triton's models has died; the watchdog loads it anew."""

    def __init__(self, model: str) -> None:
        super().__init__("the inference server has lost a model", "SAMPLER_UNAVAILABLE")
        self.model = model


class ResourceExhaustedError(_RetryError):
    """There is no room for the request now."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED


class QuotaExceededError(GatewayError):
    """The caller's tenant uses as much as it may.

    Args:
        tenant: whose quota it is.
        quota: `requests_per_second`, `generations`, `identities` or `image_bytes`.
        limit: of the quota.
        retry_seconds: when another try may succeed; None if something must be deleted first.
    """

    code = grpc.StatusCode.RESOURCE_EXHAUSTED

    def __init__(
        self, tenant: str, quota: str, limit: float, retry_seconds: float | None = None
    ) -> None:
        self._violation = f"{quota}: at most {limit:g}"
        super().__init__(f"the quota of the tenant is used up: {self._violation}", "QUOTA_EXCEEDED")
        self._tenant, self.retry_seconds = tenant, retry_seconds

    def details(self) -> list[Message]:
        failure = error_details_pb2.QuotaFailure()
        failure.violations.add(subject=f"tenants/{self._tenant}", description=self._violation)
        if self.retry_seconds is None:
            return [failure, *super().details()]
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(max(1, round(self.retry_seconds * 1000)))
        return [failure, retry, *super().details()]


class DeadlineExceededError(GatewayError):
    """The request took longer than it may."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class SamplerFailedError(GatewayError):
    """The models could not draw this request."""
