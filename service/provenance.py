"""What makes a picture known as ours: `ProvenanceService`, and the last step before it is sent."""

import asyncio
from dataclasses import dataclass

from likeness.v1 import provenance_service_pb2 as pb
from likeness.v1 import provenance_service_pb2_grpc as pb_grpc
from service import watermark
from service.context import Context
from service.credentials import ContentCredentials
from service.decoding import ImageRefusedError
from service.errors import InvalidRequestError, Violation
from service.images import ImageDecoder, Pixels
from service.pictures import Making, encode_png
from service.settings import ProvenanceSettings


@dataclass(frozen=True)
class Published:
    """A PNG as it is sent.

    Attributes:
        watermarked: whether its pixels bear the mark.
        signed: whether it has Content Credentials.
    """

    png: bytes
    watermarked: bool
    signed: bool


class Provenance:
    """Marks and signs pictures, and knows its own.

    Raises:
        CertificateError: the certificate of the settings can't sign.
    """

    def __init__(self, settings: ProvenanceSettings) -> None:
        self._key = settings.watermark_key.get_secret_value().encode()
        self.credentials = ContentCredentials(settings)

    def publish(self, pixels: Pixels, making: Making) -> Published:
        """The file of a finished picture ``[H, W, 3]``."""
        watermarked = watermark.can_carry(*pixels.shape[:2])
        if watermarked:
            pixels = watermark.mark(pixels, self._key)
        png = encode_png(pixels, making)
        if self.credentials.signs:
            png = self.credentials.signed(png, watermarked)
        return Published(png, watermarked, self.credentials.signs)

    def score(self, pixels: Pixels) -> float:
        """How far a picture bears the mark; see :mod:`service.watermark`."""
        return watermark.score(pixels, self._key)


class ProvenanceService(pb_grpc.ProvenanceServiceServicer):
    """Looks at pictures and keeps nothing of them."""

    def __init__(self, provenance: Provenance, decoder: ImageDecoder) -> None:
        self._provenance, self._decoder = provenance, decoder

    async def VerifyImage(
        self, request: pb.VerifyImageRequest, _context: Context
    ) -> pb.VerifyImageResponse:
        """What pixels and file say."""
        try:
            pixels = await self._decoder.pixels(request.image)
        except ImageRefusedError as error:
            raise InvalidRequestError([Violation("image", str(error))]) from error
        found = await self._provenance.credentials.read(request.image, self._decoder)
        score = await asyncio.to_thread(self._provenance.score, pixels)
        detected = score >= watermark.THRESHOLD
        return pb.VerifyImageResponse(
            ours=detected or found.ours,
            watermark=pb.Watermark(detected=detected, score=score),
            content_credentials=pb.ContentCredentials(
                state=found.state,
                issuer=found.issuer,
                machine_made=found.machine_made,
            ),
        )
