"""On whose word a person's likeness is learned or imported."""

from dataclasses import dataclass
from datetime import datetime

from likeness.v1 import identity_service_pb2 as pb


@dataclass(frozen=True)
class Consent:
    """What a person, or who may speak for them, agreed to.

    Attributes:
        given_by: who consented: a name, or better a reference that only you can resolve.
        purpose: to what.
        given_time: when; local time unless it has a time zone. None: now.
    """

    given_by: str
    purpose: str
    given_time: datetime | None = None

    def message(self) -> pb.Consent:
        """As the service wants it."""
        message = pb.Consent(given_by=self.given_by, purpose=self.purpose)
        message.given_time.FromDatetime((self.given_time or datetime.now()).astimezone())
        return message
