"""The picture that a drawing starts from, brought to the drawing's size."""

import asyncio
import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from service.images import FORMATS


async def fitted_pixels(data: bytes, height: int, width: int) -> npt.NDArray[np.uint8]:
    """``[height, width, 3]`` of a valid image, upright, scaled and cropped around its middle."""
    return await asyncio.to_thread(_fit, data, height, width)


def _fit(data: bytes, height: int, width: int) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    fitted = ImageOps.fit(upright, (width, height), Image.Resampling.LANCZOS)
    return np.asarray(fitted)
