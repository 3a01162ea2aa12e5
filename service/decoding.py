"""``python -m service.decoding``: decodes callers' pictures, apart from the gateway.

Bytes that strangers send meet decoders written in C, and the parser of Content Credentials, only in
this process, which has no secrets in its environment, may not write files, and has a limit on its
memory. Requests come on the standard input and answers go to the standard output:

    request   >BIHHI   a :class:`Form`; bytes of the picture; height and width, if fitted; bytes of
                       the trust anchors that follow the picture, if its manifest is asked for
    answer    >BIHH    1 if the picture was taken, 0 if not; bytes of what follows; height and width
"""

import io
import json
import os
import resource
import struct
import sys
import warnings
from dataclasses import asdict
from enum import IntEnum

import pi_heif
from PIL import Image, ImageOps, UnidentifiedImageError

from photograph.shown import as_shown, eight_bits
from service import manifests

REQUEST, ANSWER = struct.Struct(">BIHHI"), struct.Struct(">BIHH")

FORMATS = ("PNG", "JPEG", "WEBP", "HEIF")
ANIMATED = ("PNG", "WEBP")
"""A JPEG or HEIC of several pictures has a main one; in these all are frames of one film."""

MAX_PIXELS = 50_000_000
MIN_SIDE = 32
MAX_RATIO = 6
"""Of the sides; the trainer crops to a square anyway."""
CLEAN_SIDE = 1024
"""Pixels of the shorter side that no base model looks beyond."""

MEMORY_LIMIT = 2**30


class Form(IntEnum):
    """What is made of a picture: a PNG of all of it, its pixels, those of a given size, or JSON of
    its :class:`~service.manifests.Manifest`.
    """

    PNG, PIXELS, FITTED, MANIFEST = range(4)


class ImageRefusedError(Exception):
    """The picture is not taken; the message says why, with the limit that it breaks."""


def clean(data: bytes) -> Image.Image:
    """The picture as a viewer shows it (:func:`photograph.shown.as_shown`), without metadata.

    What is larger than the trainer can see is scaled down to ``CLEAN_SIDE`` on the shorter side.

    Raises:
        ImageRefusedError: see there.
    """
    return _covering(data, CLEAN_SIDE, CLEAN_SIDE)


def fitted(data: bytes, height: int, width: int) -> Image.Image:
    """The same of this size: scaled, and cropped around its middle.

    Raises:
        ImageRefusedError: see there.
    """
    covering = _covering(data, height, width)
    return ImageOps.fit(covering, (width, height), Image.Resampling.LANCZOS)


def png(image: Image.Image) -> bytes:
    """A file of it, made fast rather than small."""
    encoded = io.BytesIO()
    image.save(encoded, "PNG", compress_level=1)
    return encoded.getvalue()


def _covering(data: bytes, height: int, width: int) -> Image.Image:
    """The picture as it is shown, still covering ``height`` x ``width`` however it is turned."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
            _check(image)
            side = max(height, width)
            image.draft("RGB", (side, side))  # a large JPEG is decoded at a fraction of its size
            image.load()
            image = eight_bits(image)
            if (ratio := side / min(image.size)) < 1:
                size = tuple(max(1, round(length * ratio)) for length in image.size)
                image = image.resize(size, Image.Resampling.LANCZOS)  # type: ignore[arg-type]
            shown = as_shown(image)
    except ImageRefusedError:
        raise
    except UnidentifiedImageError as error:
        raise ImageRefusedError("is not a PNG, JPEG, WebP or HEIC image") from error
    except Image.DecompressionBombError as error:
        raise ImageRefusedError(f"has too many pixels, the limit is {MAX_PIXELS}") from error
    except MemoryError as error:
        limit = f"needs more memory to decode than the limit of {MEMORY_LIMIT} bytes"
        raise ImageRefusedError(limit) from error
    except Exception as error:  # whatever a decoder throws at hostile bytes
        raise ImageRefusedError("is damaged") from error
    bare = Image.new("RGB", shown.size)  # metadata clings to the image that was opened
    bare.paste(shown)
    return bare


def _check(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageRefusedError(f"has {width}x{height} pixels, the limit is {MAX_PIXELS}")
    if min(width, height) < MIN_SIDE:
        needed = f"at least {MIN_SIDE} are needed on each side"
        raise ImageRefusedError(f"has {width}x{height} pixels, {needed}")
    if max(width, height) > MAX_RATIO * min(width, height):
        ratio = f"one side may be {MAX_RATIO} times the other at most"
        raise ImageRefusedError(f"has {width}x{height} pixels, {ratio}")
    frames = getattr(image, "n_frames", 1)
    if image.format in ANIMATED and frames > 1:
        raise ImageRefusedError(f"has {frames} frames, the limit is 1")


def _confine() -> None:
    Image.init()  # modules that Pillow would load later
    pi_heif.register_heif_opener(thumbnails=False)
    os.nice(5)  # the gateway's own work goes first
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Answers requests until the gateway is gone."""
    _confine()
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while len(header := requests.read(REQUEST.size)) == REQUEST.size:
        form, length, height, width, further = REQUEST.unpack(header)
        data, anchors = requests.read(length), requests.read(further).decode()
        try:
            if form == Form.MANIFEST:
                answer = json.dumps(asdict(manifests.read(data, anchors))).encode()
            else:
                image = fitted(data, height, width) if form == Form.FITTED else clean(data)
                answer = png(image) if form == Form.PNG else image.tobytes()
                height, width = image.height, image.width
            answers.write(ANSWER.pack(1, len(answer), height, width))
        except ImageRefusedError as error:
            answer = str(error).encode()
            answers.write(ANSWER.pack(0, len(answer), 0, 0))
        answers.write(answer)
        answers.flush()


if __name__ == "__main__":
    main()
