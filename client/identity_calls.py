"""What was learned: looking at it, taking it elsewhere, deleting it."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import grpc

from client.connection import Connection
from client.consent import Consent
from client.errors import LikenessError
from client.names import IDENTITIES, resource_name
from client.uploads import MAX_ARTIFACT_BYTES, upload
from likeness.v1 import identity_service_pb2 as pb


class IdentityCalls(Connection):
    """Manages identities."""

    async def get_identity(self, name: str) -> pb.Identity:
        """One identity."""
        request = pb.GetIdentityRequest(name=resource_name(IDENTITIES, name))
        response = await self._call(self._identities.GetIdentity, request)
        identity: pb.Identity = response.identity
        return identity

    async def list_identities(self) -> AsyncIterator[pb.Identity]:
        """All identities, newest first."""
        request = pb.ListIdentitiesRequest()
        while True:
            page = await self._call(self._identities.ListIdentities, request)
            for identity in page.identities:
                yield identity
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def delete_identity(self, name: str) -> None:
        """Deletes an identity; its training, if still under way, is cancelled."""
        request = pb.DeleteIdentityRequest(name=resource_name(IDENTITIES, name))
        await self._call(self._identities.DeleteIdentity, request)

    async def export_identity(self, name: str) -> tuple[pb.Identity, bytes]:
        """A READY identity, and its artifact for `import_identity` elsewhere.

        Raises:
            LikenessError: besides the service's errors, DATA_LOSS if the artifact is not the one
                that `artifact_digest` of the identity names.
        """
        request = pb.ExportIdentityRequest(name=resource_name(IDENTITIES, name))
        response = await self._call(self._identities.ExportIdentity, request)
        identity, artifact = response.identity, response.artifact
        if (found := _digest(artifact)) != identity.artifact_digest:
            message = f"the artifact of {identity.name} has arrived damaged: {found}"
            raise LikenessError(grpc.StatusCode.DATA_LOSS, message)
        return identity, artifact

    async def import_identity(
        self,
        artifact: bytes | str | Path,
        identity_id: str = "",
        *,
        digest: str = "",
        consent: Consent | None = None,
    ) -> pb.Identity:
        """Makes a READY identity of what `export_identity` returned, on the same base model.

        Args:
            artifact: the file, or its bytes.
            identity_id: name of the new identity; the service chooses one if empty.
            digest: `artifact_digest` of the identity that was exported. If empty, the service
                makes sure only that the artifact arrives as it is here.
            consent: of the person whom it shows; the service may ask for it.

        Raises:
            LikenessError: the artifact has another digest, or belongs to another base model.
            OSError: the file can't be read.
        """
        data = upload("artifact", artifact, MAX_ARTIFACT_BYTES)
        request = pb.ImportIdentityRequest(
            identity_id=identity_id,
            artifact=data,
            artifact_digest=digest or _digest(data),
            consent=None if consent is None else consent.message(),
        )
        response = await self._call(self._identities.ImportIdentity, request)
        identity: pb.Identity = response.identity
        return identity


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
