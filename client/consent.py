"""On whose word a person's likeness is learned or imported."""

from dataclasses import dataclass, field
from datetime import datetime

from likeness.v1 import identity_service_pb2 as pb


@dataclass(frozen=True)
class Consent:
    """What a person, or who may speak for them, agreed to.

    Attributes:
        given_by: who consented: a name, or better a reference that only you can resolve.
        purpose: to what.
        given_time: when; local time unless it has a time zone. Now, unless said: so whoever asks
            again, under the same request id, takes the same object or says when.
    """

    given_by: str
    purpose: str
    given_time: datetime = field(default_factory=datetime.now)

    def message(self) -> pb.Consent:
        """As the service wants it."""
        message = pb.Consent(given_by=self.given_by, purpose=self.purpose)
        message.given_time.FromDatetime(self.given_time.astimezone())
        return message
