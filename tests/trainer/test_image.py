"""Any photograph becomes the square the model sees; what can't is refused with its limit."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps
from skimage import data

from tests.support.color_profiles import DISPLAY_P3, GREY, GREY_PRESS, RED, telephone_picture
from tests.support.odd_exif import text_tag
from trainer.errors import InputError
from trainer.image import MAX_BYTES, MAX_PIXELS, decode_image


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be huge."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_real_photograph(kind: str) -> None:
    decoded = decode_image(encoded(Image.fromarray(data.astronaut()), kind), 64, 64)
    small = np.asarray(Image.fromarray(data.astronaut()).resize((64, 64), Image.Resampling.LANCZOS))
    assert decoded.shape == (64, 64, 3)
    assert np.abs(decoded.astype(int) - small).mean() < 6


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.full((40, 40), 0x8080, np.uint16))
    else:
        image = Image.new("RGB", (40, 40), (128, 128, 128)).convert(mode)
    decoded = decode_image(encoded(image, "JPEG" if mode == "CMYK" else "PNG"), 64, 64)
    assert decoded.shape == (64, 64, 3)
    assert abs(decoded.mean() - 128) < 3


def test_transparency_lies_on_white() -> None:
    assert decode_image(encoded(Image.new("RGBA", (40, 40), (0, 0, 0, 0))), 64, 64).min() == 255


def test_orientation_is_applied() -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:20] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    decoded = decode_image(encoded(Image.fromarray(pixels), "PNG", exif=exif), 64, 64)
    assert decoded[:28].max() < 10
    assert decoded[36:].min() > 245


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colours_are_those_of_the_profile(mode: str) -> None:
    content = encoded(telephone_picture(mode), icc_profile=DISPLAY_P3)
    assert np.abs(decode_image(content, 40, 40).astype(int) - RED).max() <= 2


def test_transparency_lies_on_white_whatever_the_profile() -> None:
    clear = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    assert decode_image(encoded(clear, icc_profile=DISPLAY_P3), 64, 64).min() == 255


def test_inks_are_those_of_the_profile() -> None:
    printed = Image.new("CMYK", (40, 40), (0, 255, 255, 0))
    content = encoded(printed, "JPEG", icc_profile=GREY_PRESS)
    assert np.abs(decode_image(content, 40, 40).astype(int) - GREY).max() <= 2


@pytest.mark.parametrize("profile", [b"?", DISPLAY_P3[:300], GREY_PRESS])
def test_a_profile_that_does_not_fit_changes_nothing(profile: bytes) -> None:
    plain = decode_image(encoded(telephone_picture()), 40, 40)
    content = encoded(telephone_picture(), icc_profile=profile)
    assert (decode_image(content, 40, 40) == plain).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation: int) -> None:
    corners = Image.fromarray(np.array([[[0], [80]], [[160], [240]]], np.uint8).repeat(3, 2))
    picture = corners.resize((40, 40), Image.Resampling.NEAREST)
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(picture, exif=exif)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert (decode_image(content, 40, 40) == np.asarray(expected)).all()


@pytest.mark.parametrize("tag", [0x011A, 0x0128])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_other_tags_of_the_exif_do_not_matter(kind: str, tag: int) -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:20] = 255
    content = encoded(Image.fromarray(pixels), kind, exif=text_tag(tag))
    decoded = decode_image(content, 40, 40)
    assert decoded[:, :16].max() < 20
    assert decoded[:, 24:].min() > 235


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_whose_exif_is_cut_off_is_taken_as_it_lies(kind: str) -> None:
    image = Image.fromarray(data.astronaut()[:64, :64])
    content = encoded(image, kind, exif=text_tag(0x011A)[:12])
    assert (decode_image(content, 64, 64) == decode_image(encoded(image, kind), 64, 64)).all()


def test_a_landscape_is_cropped_evenly_and_a_portrait_mostly_below() -> None:
    wide = np.zeros((40, 80, 3), np.uint8)
    wide[:, 20:60] = 255
    assert decode_image(encoded(Image.fromarray(wide)), 40, 40).min() == 255
    tall = np.zeros((100, 40, 3), np.uint8)
    tall[20:60] = 255
    assert decode_image(encoded(Image.fromarray(tall)), 40, 40).min() == 255


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"image: is empty \(0 bytes\)"),
        (b"only text", "image: is not a PNG, JPEG, WEBP image"),
        (bytes(MAX_BYTES + 1), rf"image: has {MAX_BYTES + 1} bytes, the limit is {MAX_BYTES}"),
        (bomb(10_000, 10_000), rf"10000x10000 pixels, the limit is {MAX_PIXELS}"),
        (bomb(100_000, 100_000), rf"pixels, the limit is {MAX_PIXELS}"),
        (bomb(64, 64), "image: is damaged"),
        (encoded(Image.new("RGB", (3, 3))), "3x3 pixels, at least 32x32"),
        (encoded(Image.new("RGB", (64, 64)), "GIF"), "is not a PNG, JPEG, WEBP image"),
    ],
)
def test_what_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        decode_image(content, 64, 64)
    assert caught.value.reason == "INVALID_IMAGE"


WHOLE = {
    kind: encoded(Image.fromarray(data.astronaut()[::4, ::4]), kind)
    for kind in ("PNG", "JPEG", "WEBP")
}


@given(st.sampled_from(sorted(WHOLE)), st.data())
def test_damage_never_passes_as_another_error(kind: str, draw: st.DataObject) -> None:
    content = bytearray(WHOLE[kind])
    cut = draw.draw(st.integers(1, len(content)))
    position = draw.draw(st.integers(0, cut - 1))
    content[position] ^= draw.draw(st.integers(1, 255))
    try:
        assert decode_image(bytes(content[:cut]), 64, 64).shape == (64, 64, 3)
    except InputError:
        return
