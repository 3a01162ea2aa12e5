"""Pixels to PNG. The metadata says how the picture was made and that a machine made it; it never
holds the prompt or whom it shows.
"""

import struct
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import numpy.typing as npt
from isal import isal_zlib
from PIL.PngImagePlugin import PngInfo

from service.manifests import SOURCE_TYPE

MIME_TYPE = "image/png"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
TRUE_COLOUR, FILTER_UP = 2, 2
_XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"
    xmp:CreatorTool="Likeness"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


@dataclass(frozen=True)
class Making:
    """How a picture was made: what it takes, besides the prompt, to draw it again."""

    seed: int
    steps: int
    guidance_scale: float
    scheduler: str
    base_model_digest: str


def encode_png(pixels: npt.NDArray[np.uint8], making: Making) -> bytes:
    """The PNG of ``[H, W, 3]`` pixels."""
    metadata = _machine_made()
    metadata.add_text("Seed", str(making.seed))
    metadata.add_text("Steps", str(making.steps))
    metadata.add_text("Guidance Scale", f"{making.guidance_scale:g}")
    metadata.add_text("Scheduler", making.scheduler)
    metadata.add_text("Base Model Digest", making.base_model_digest)
    return _encoded(pixels, metadata)


def encode_preview(pixels: npt.NDArray[np.uint8]) -> bytes:
    """The PNG of a preview's ``[h, w, 3]`` pixels."""
    return _encoded(pixels, _machine_made())


def _machine_made() -> PngInfo:
    metadata = PngInfo()
    metadata.add_text("Software", "Likeness")
    metadata.add_text("Digital Source Type", SOURCE_TYPE)
    metadata.add_itxt("XML:com.adobe.xmp", _XMP)
    return metadata


def _encoded(pixels: npt.NDArray[np.uint8], metadata: PngInfo) -> bytes:
    """The file (PNG specification, third edition). Pillow tries five filters a line and zlib takes
    its time: this is 20 times as fast, for files that are a tenth larger.
    """
    height, width = pixels.shape[:2]
    colours = pixels.reshape(height, -1)
    lines = np.empty((height, 1 + colours.shape[1]), np.uint8)
    lines[:, 0] = FILTER_UP
    lines[0, 1:] = colours[0]
    lines[1:, 1:] = colours[1:] - colours[:-1]
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, TRUE_COLOUR, 0, 0, 0)),
        *((kind, data) for kind, data, *_ in metadata.chunks),
        (b"IDAT", isal_zlib.compress(lines, 1)),
        (b"IEND", b""),
    )
    return SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc32(kind + data))
        for kind, data in chunks
    )
