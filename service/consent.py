"""On whose word a person's likeness comes here: what the settings ask for, what is kept of it."""

from likeness.v1 import identity_service_pb2 as pb
from service.caller import caller
from service.errors import Violation
from service.store import Consent

Request = pb.TrainIdentityRequest | pb.ImportIdentityRequest


def consent_violations(request: Request, required: bool) -> list[Violation]:
    """That a consent is missing where one is required, or of no time; the rest the proto states."""
    if not request.HasField("consent"):
        return [Violation("consent", "is required by this service")] if required else []
    try:
        request.consent.given_time.ToMicroseconds()
    except ValueError:
        limit = "must be in the years 1 to 9999, with 0 to 999999999 nanoseconds"
        return [Violation("consent.given_time", limit)]
    return []


def consent_of(request: Request) -> Consent | None:
    """The consent of a request as it is kept: with the caller who tells of it."""
    if not request.HasField("consent"):
        return None
    told = request.consent
    given = told.given_time.ToMicroseconds()
    return Consent(told.given_by, given, told.purpose, caller().subject)
