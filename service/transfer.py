"""Identities on their way between deployments."""

import uuid

from identity import ArtifactError, Identity, digest
from likeness.v1 import identity_service_pb2 as pb
from service.blobs import BlobStore, artifact_key
from service.bundle import BundleSource
from service.caller import caller, uses
from service.consent import consent_of, consent_violations
from service.errors import (
    AlreadyExistsError,
    InvalidRequestError,
    QuotaExceededError,
    Violation,
)
from service.store import IdentityRecord, IdentityState, IdentityStore, now
from service.trainings import name_taken, new_identity_id
from service.usable import check_base_model, check_shape, ready
from service.validation import MAX_CLASS_NOUN

_IMPORTED = 0  # attempts to learn an identity count from 1


class Transfer:
    """Hands out artifacts, and makes identities of those that come from elsewhere."""

    def __init__(
        self,
        identities: IdentityStore,
        blobs: BlobStore,
        bundles: BundleSource,
        require_consent: bool,
    ) -> None:
        self._identities, self._blobs, self._bundles = identities, blobs, bundles
        self._require_consent = require_consent

    async def artifact(self, identity_id: str) -> tuple[IdentityRecord, bytes]:
        """A READY identity and its artifact.

        Raises:
            NotFoundError, FailedPreconditionError, DataLossError, UnavailableError: see there.
        """
        record = ready(identity_id, await self._identities.get(caller().tenant, identity_id))
        uses(record.uid)
        return record, await self._blobs.get(record.artifact_key, record.artifact_digest)

    async def take(self, request: pb.ImportIdentityRequest) -> IdentityRecord:
        """Makes an identity of an artifact.

        Raises:
            InvalidRequestError, QuotaExceededError, AlreadyExistsError, FailedPreconditionError,
            UnavailableError: see there.
        """
        identity_id = request.identity_id or new_identity_id()
        identity, violations = self._looked_at(request)
        if identity is None or violations:
            raise InvalidRequestError(violations)
        bundle = await self._bundles.get()
        check_base_model(identity_id, identity.base_model_digest, bundle)
        check_shape(identity_id, identity, bundle)
        uid, created = str(uuid.uuid4()), now()
        record = IdentityRecord(
            uid=uid,
            tenant=caller().tenant,
            identity_id=identity_id,
            state=IdentityState.READY,
            class_noun=identity.class_noun,
            base_model_digest=identity.base_model_digest,
            stage_count=identity.stages,
            token_width=identity.width,
            artifact_key=artifact_key(uid, _IMPORTED),
            artifact_digest=digest(request.artifact),
            create_time=created,
            ready_time=created,
            failure_code=None,
            failure_reason="",
            failure_message="",
        )
        await self._blobs.put(record.artifact_key, request.artifact)
        try:
            if not await self._identities.insert(record, consent_of(request)):
                raise name_taken(identity_id)
        except (AlreadyExistsError, QuotaExceededError):
            await self._blobs.erase_artifacts(uid)
            raise
        return record

    async def violations(self, request: pb.ImportIdentityRequest) -> list[Violation]:
        """What is wrong with a request besides broken rules."""
        return self._looked_at(request)[1]

    def _looked_at(
        self, request: pb.ImportIdentityRequest
    ) -> tuple[Identity | None, list[Violation]]:
        violations = consent_violations(request, self._require_consent)
        try:
            return _read(request), violations
        except InvalidRequestError as error:
            return None, [*violations, *error.violations]


def _read(request: pb.ImportIdentityRequest) -> Identity:
    found = digest(request.artifact)
    if request.artifact_digest not in ("", found):
        description = f"is {request.artifact_digest[:19]}, but the artifact's is {found[:19]}"
        raise InvalidRequestError([Violation("artifact_digest", description)])
    try:
        identity = Identity.from_bytes(request.artifact)
    except ArtifactError as error:
        raise InvalidRequestError([Violation("artifact", str(error))]) from error
    noun = identity.class_noun
    if not (noun.isascii() and noun.isalpha() and len(noun) <= MAX_CLASS_NOUN):
        limit = f"names a class noun that is not one word of 1 to {MAX_CLASS_NOUN} letters"
        raise InvalidRequestError([Violation("artifact", limit)])
    return identity
