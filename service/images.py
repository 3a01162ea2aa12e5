"""Source images: what is taken and what is refused.

The image is opened by three decoders only, its size is read from the header before any pixel is
decoded, and then it is decoded once to the end, so that a damaged file is refused here and not
minutes later by the trainer.
"""

import asyncio
import io
import warnings

from PIL import Image, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_BYTES = 16 * 2**20
MAX_PIXELS = 50_000_000
MIN_SIDE = 32

_decoding = asyncio.Semaphore(2)  # a picture at the limit takes 200 MB


async def image_violation(data: bytes) -> str | None:
    """What is wrong with an image, with the limit it breaks; None if nothing is."""
    if not data:
        return "is empty (0 bytes)"
    if len(data) > MAX_BYTES:
        return f"has {len(data)} bytes, the limit is {MAX_BYTES}"
    async with _decoding:
        return await asyncio.to_thread(_decode, data)


def _decode(data: bytes) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        return f"is not a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} image"
    except Image.DecompressionBombError:
        return f"has too many pixels, the limit is {MAX_PIXELS}"
    except Exception:  # whatever a decoder throws at hostile bytes
        return "is damaged"
    with image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            return f"has {width}x{height} pixels, the limit is {MAX_PIXELS}"
        if min(width, height) < MIN_SIDE:
            return f"has {width}x{height} pixels, at least {MIN_SIDE} are needed on each side"
        try:
            image.load()
        except Exception:  # as above
            return "is damaged"
    return None
