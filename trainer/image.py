"""From the bytes of any photograph to the square that the base model sees."""

import io
import warnings

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from photograph.shown import as_shown
from trainer.errors import InputError

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_BYTES = 20 * 2**20
MAX_PIXELS = 50_000_000
MIN_SIDE = 32
"""Pixels; below it a face has too few to be told from another."""

PORTRAIT_CUT_ABOVE = 1 / 3
"""Share of a portrait's surplus height cut above the square: heads are in the upper half."""


def decode_image(
    data: bytes, height: int, width: int, field: str = "image"
) -> npt.NDArray[np.uint8]:
    """Decodes an image for a model of ``height`` x ``width`` pixels; errors call it ``field``.

    The picture is made what a viewer shows of it (:func:`photograph.shown.as_shown`), and
    cropped, never padded: bars would be learned, and would shrink the face. Sideways the crop is
    centred; in a portrait two thirds of the surplus are cut below.

    Returns:
        ``[height, width, 3]`` uint8.

    Raises:
        InputError: not an image, damaged, or out of the limits above.
    """
    if len(data) > MAX_BYTES:
        raise _fault(field, f"has {len(data)} bytes, the limit is {MAX_BYTES}")
    if not data:
        raise _fault(field, "is empty (0 bytes)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
            _check_size(image, field)
            image.load()
            image = as_shown(image)
    except (InputError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise _fault(field, f"has too many pixels, the limit is {MAX_PIXELS}") from error
    except UnidentifiedImageError as error:
        raise _fault(field, f"is not a {', '.join(FORMATS)} image") from error
    except Exception as error:  # whatever a decoder throws at hostile bytes
        raise _fault(field, "is damaged") from error
    fitted = ImageOps.fit(
        image, (width, height), Image.Resampling.LANCZOS, centering=(0.5, PORTRAIT_CUT_ABOVE)
    )
    return np.asarray(fitted)


def _fault(field: str, message: str) -> InputError:
    return InputError("INVALID_IMAGE", f"{field}: {message}")


def _check_size(image: Image.Image, field: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _fault(field, f"has {width}x{height} pixels, the limit is {MAX_PIXELS}")
    if min(width, height) < MIN_SIDE:
        raise _fault(
            field, f"has {width}x{height} pixels, at least {MIN_SIDE}x{MIN_SIDE} are needed"
        )
