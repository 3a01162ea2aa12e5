"""Small ICC profiles, and pictures whose numbers mean nothing without them."""

import struct

from PIL import Image

WHITE = (0.9642, 1.0, 0.8249)
"""D50 in XYZ, to which all profiles refer."""


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(_fixed(value) for value in values)


def profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """A profile of a class and colour space, with what its tags say."""
    directory, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        directory += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4xI", start + len(body), 0x04000000)
    header += (kind + space + connection).ljust(24, b"\0") + b"acsp" + bytes(28)
    header += b"".join(_fixed(value) for value in WHITE)
    return header.ljust(128, b"\0") + directory + body


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


# y = ((x + 0.055) / 1.055)^2.4 above 0.04045, else x / 12.92
_CURVE = (
    b"para\0\0\0\0"
    + struct.pack(">HH", 3, 0)
    + b"".join(_fixed(value) for value in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
)


def _of_primaries(red: bytes, green: bytes, blue: bytes) -> bytes:
    tags = {b"wtpt": xyz(*WHITE), b"rXYZ": red, b"gXYZ": green, b"bXYZ": blue}
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _CURVE)
    return profile(b"mntr", b"RGB ", b"XYZ ", tags | curves)


_P3 = (
    xyz(0.51512, 0.24120, -0.00105),
    xyz(0.29198, 0.69225, 0.04189),
    xyz(0.15710, 0.06657, 0.78407),
)
DISPLAY_P3 = _of_primaries(*_P3)
"""What telephones photograph in: sRGB's curve and wider primaries."""

BACKWARDS = _of_primaries(*reversed(_P3))
"""The same with red and blue exchanged."""

RED, RED_IN_P3 = (230, 40, 40), (211, 61, 52)
"""The same red, in sRGB and in Display P3."""

_RAMP = bytes(range(256))
_TABLE = struct.pack(">4B9i", 4, 3, 2, 0, *(65536 * (i % 4 == 0) for i in range(9)))
GREY_PRESS = profile(
    b"prtr",
    b"CMYK",
    b"Lab ",
    {
        b"wtpt": xyz(*WHITE),
        b"A2B0": b"mft1\0\0\0\0" + _TABLE + _RAMP * 4 + bytes((128, 128, 128)) * 16 + _RAMP * 3,
    },
)
"""Of a press that prints a middle grey, L* = 50, whatever the inks."""
GREY = (119, 119, 119)
"""It in sRGB."""


def telephone_picture(mode: str = "RGB") -> Image.Image:
    """:data:`RED` as telephones save it, 40 x 40."""
    image = Image.new("RGB", (40, 40), RED_IN_P3)
    return image.quantize(4) if mode == "P" else image.convert(mode)
