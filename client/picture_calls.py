"""Drawing pictures, and telling whose they are."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Unpack

from client.connection import Connection
from client.errors import readable_errors
from client.generation import Drawing, generation_spec
from client.uploads import MAX_IMAGE_BYTES, upload
from likeness.v1 import generation_service_pb2 as pb
from likeness.v1.provenance_service_pb2 import VerifyImageRequest, VerifyImageResponse

GenerationEvent = pb.GenerationProgress | pb.GenerationPreview | pb.GeneratedImage
"""What `stream_generate` yields."""


class PictureCalls(Connection):
    """Draws pictures, and verifies them."""

    async def generate(
        self,
        prompt: str,
        identities: Mapping[str, str] | None = None,
        *,
        deadline: float | None = None,
        **drawing: Unpack[Drawing],
    ) -> list[pb.GeneratedImage]:
        """Draws pictures and returns them together.

        Args:
            prompt: text; `<word>` stands for an identity.
            identities: the identity of each word. Each `<word>` means `identities/word` if None.
            deadline: seconds until the call is given up; no limit if None.
            drawing: see :class:`Drawing`.
        """
        spec = generation_spec(prompt, identities, drawing)
        with readable_errors(self.address):
            request = pb.GenerateRequest(spec=spec)
            response = await self._generation.Generate(request, timeout=deadline)
        return list(response.images)

    async def stream_generate(
        self,
        prompt: str,
        identities: Mapping[str, str] | None = None,
        *,
        preview_every: int | None = None,
        deadline: float | None = None,
        **drawing: Unpack[Drawing],
    ) -> AsyncIterator[GenerationEvent]:
        """Draws pictures and yields each as soon as it is finished, with progress on the way.

        Whoever stops listening cancels the drawing. Arguments as for `generate`, and:

        Args:
            preview_every: steps between two previews of a picture; none if None.
        """
        spec = generation_spec(prompt, identities, drawing)
        with readable_errors(self.address):
            request = pb.StreamGenerateRequest(spec=spec, preview_every=preview_every)
            call = self._generation.StreamGenerate(request, timeout=deadline)
            try:
                async for response in call:
                    yield getattr(response, response.WhichOneof("event"))
            finally:
                call.cancel()

    async def verify_image(self, image: bytes | str | Path) -> VerifyImageResponse:
        """Whether a picture was drawn by the service, and what its pixels and its file say.

        Args:
            image: the picture's file, or its bytes.

        Raises:
            OSError: the image can't be read.
        """
        request = VerifyImageRequest(image=upload("image", image, MAX_IMAGE_BYTES))
        response: VerifyImageResponse = await self._call(self._provenance.VerifyImage, request)
        return response
