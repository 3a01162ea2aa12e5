"""A gRPC server that a test can hold at any moment, which a real service does not allow."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc
from google.longrunning import operations_pb2
from PIL import Image

from likeness.v1 import generation_service_pb2 as generation_pb
from likeness.v1 import generation_service_pb2_grpc as generation_grpc
from likeness.v1 import identity_service_pb2 as pb
from likeness.v1 import identity_service_pb2_grpc as identity_grpc
from likeness.v1 import provenance_service_pb2 as provenance_pb
from likeness.v1 import provenance_service_pb2_grpc as provenance_grpc

OPERATION = "operations/7"


def png(colour: str, side: int = 64) -> bytes:
    """A picture of one colour."""
    encoded = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(encoded, "PNG")
    return encoded.getvalue()


def digest(artifact: bytes) -> str:
    """As the API writes it."""
    return f"sha256:{hashlib.sha256(artifact).hexdigest()}"


def progress(step: int) -> pb.WatchTrainingResponse:
    """A training at a step of 10."""
    metadata = pb.TrainIdentityMetadata(
        identity="identities/ann",
        state=pb.TrainIdentityMetadata.STATE_RUNNING,
        step=step,
        total_steps=10,
        loss=0.25,
        seconds_left=3.0,
        attempt=1,
    )
    return pb.WatchTrainingResponse(metadata=metadata, sequence=step)


def success() -> pb.WatchTrainingResponse:
    """The end of a training."""
    response = progress(10)
    response.metadata.state = pb.TrainIdentityMetadata.STATE_SUCCEEDED
    response.identity.name = "identities/ann"
    response.identity.state = pb.Identity.STATE_READY
    response.identity.stage_count, response.identity.token_width = 5, 128
    return response


@dataclass
class StandIn(
    identity_grpc.IdentityServiceServicer,
    generation_grpc.GenerationServiceServicer,
    provenance_grpc.ProvenanceServiceServicer,
):
    """Trainings take three messages, pictures three steps.

    Attributes:
        away: trainings that are watched can't be, as when the database is away.
        artifact: of the identity `ann`, whose digest is that of `b"learned"`.
        held_back: indices of pictures that a safety checker holds back.
        goes_on: trainings and drawings stop after their first message until it is set.
        requests: what was asked, in order.
        cancelled: set when a drawing was cancelled.
    """

    away: bool = False
    artifact: bytes = b"learned"
    held_back: frozenset[int] = frozenset()
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[object] = field(default_factory=list)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def TrainIdentity(
        self, request: pb.TrainIdentityRequest, _context: grpc.aio.ServicerContext
    ) -> operations_pb2.Operation:
        self.requests.append(request)
        operation = operations_pb2.Operation(name=OPERATION)
        operation.metadata.Pack(progress(0).metadata)
        return operation

    async def WatchTraining(
        self, request: pb.WatchTrainingRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.WatchTrainingResponse]:
        self.requests.append(request)
        if request.after_sequence < 1:
            yield progress(1)
            await self.goes_on.wait()
        if self.away:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the database does not answer")
        if request.after_sequence < 5:
            seen = progress(5)
            seen.metadata.preview = png("teal")
            yield seen
        yield success()

    async def ExportIdentity(
        self, request: pb.ExportIdentityRequest, _context: grpc.aio.ServicerContext
    ) -> pb.ExportIdentityResponse:
        identity = pb.Identity(name=request.name, artifact_digest=digest(b"learned"))
        return pb.ExportIdentityResponse(identity=identity, artifact=self.artifact)

    async def ImportIdentity(
        self, request: pb.ImportIdentityRequest, _context: grpc.aio.ServicerContext
    ) -> pb.ImportIdentityResponse:
        self.requests.append(request)
        name = f"identities/{request.identity_id}"
        return pb.ImportIdentityResponse(identity=pb.Identity(name=name))

    async def VerifyImage(
        self, request: provenance_pb.VerifyImageRequest, _context: grpc.aio.ServicerContext
    ) -> provenance_pb.VerifyImageResponse:
        self.requests.append(request)
        return provenance_pb.VerifyImageResponse(
            ours=True,
            watermark=provenance_pb.Watermark(detected=True, score=12.5),
            content_credentials=provenance_pb.ContentCredentials(
                state=provenance_pb.ContentCredentials.STATE_TRUSTED,
                issuer="Likeness",
                machine_made=True,
            ),
        )

    async def DeleteIdentity(
        self, request: pb.DeleteIdentityRequest, context: grpc.aio.ServicerContext
    ) -> pb.DeleteIdentityResponse:
        await context.abort(grpc.StatusCode.NOT_FOUND, f"{request.name} does not exist")
        raise AssertionError

    async def Generate(
        self, request: generation_pb.GenerateRequest, _context: grpc.aio.ServicerContext
    ) -> generation_pb.GenerateResponse:
        self.requests.append(request)
        return generation_pb.GenerateResponse(images=[_picture(request.spec, 0)])

    async def StreamGenerate(
        self, request: generation_pb.StreamGenerateRequest, _context: grpc.aio.ServicerContext
    ) -> AsyncIterator[generation_pb.StreamGenerateResponse]:
        self.requests.append(request)
        try:
            for step in range(1, 4):
                yield generation_pb.StreamGenerateResponse(
                    progress=generation_pb.GenerationProgress(step=step, total_steps=3)
                )
                await self.goes_on.wait()
            prompts = 1 + len(request.spec.additional_prompts)
            for index in range(prompts * (request.spec.image_count or 1)):
                picture = _picture(request.spec, index)
                if index in self.held_back:
                    picture.ClearField("data")
                    picture.finish_reason = generation_pb.GeneratedImage.FINISH_REASON_FILTERED
                yield generation_pb.StreamGenerateResponse(image=picture)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


def _picture(spec: generation_pb.GenerationSpec, index: int) -> generation_pb.GeneratedImage:
    return generation_pb.GeneratedImage(
        data=png("teal"),
        mime_type="image/png",
        index=index,
        prompt_index=index // (spec.image_count or 1),
        seed=spec.seed + index % (spec.image_count or 1),
        width=64,
        height=64,
    )


@asynccontextmanager
async def serving(service: StandIn, port: int = 0) -> AsyncIterator[str]:
    """Serves on loopback and gives the address; calls still under way break off at the end."""
    server = grpc.aio.server()
    identity_grpc.add_IdentityServiceServicer_to_server(service, server)
    generation_grpc.add_GenerationServiceServicer_to_server(service, server)
    provenance_grpc.add_ProvenanceServiceServicer_to_server(service, server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
