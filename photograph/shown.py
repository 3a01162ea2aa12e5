"""From an opened picture to what a viewer shows of it: upright, in sRGB, on white.

Needs Pillow alone: it also runs where callers' pictures are decoded, with little memory.
"""

import io

from PIL import Image, ImageCms

_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By the orientation that EXIF tells; 1 is upright."""


def eight_bits(image: Image.Image) -> Image.Image:
    """The picture as L, RGB, RGBA or CMYK, which can be scaled; else as it was."""
    if image.mode.startswith("I"):  # 16 bits of grey; a plain conversion would clip them
        image = image.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
        image.info.pop("transparency", None)  # names a grey of 16 bits
    if image.has_transparency_data:
        mode = "RGBA"
    else:
        mode = image.mode if image.mode in ("L", "CMYK") else "RGB"
    return image if image.mode == mode else image.convert(mode)


def as_shown(image: Image.Image) -> Image.Image:
    """The picture in RGB: upright by its EXIF, in sRGB by its ICC profile, transparency on white.

    Whatever of EXIF or profile can't be read counts as absent.
    """
    turn = _turn(image)
    image = _in_srgb(eight_bits(image))
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    return image if turn is None else image.transpose(turn)


def _turn(image: Image.Image) -> Image.Transpose | None:
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # whatever the parser throws at a tag that is damaged or of an odd type
        return None


def _in_srgb(image: Image.Image) -> Image.Image:
    if not (profile := image.info.get("icc_profile")):
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, _SRGB, outputMode=mode) or image
    except (ImageCms.PyCMSError, OSError):  # unreadable, or of other channels than the picture
        return image
