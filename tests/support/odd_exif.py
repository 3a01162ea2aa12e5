"""EXIF as odd cameras and editors write it."""

import struct


def text_tag(tag: int) -> bytes:
    """Orientation 6, for a picture on its side, and another tag as text, whatever it should be."""
    entries = {0x0112: (3, 1, struct.pack("<HH", 6, 0)), tag: (2, 3, b"72\0\0")}
    body = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries))
    for number, (kind, count, value) in sorted(entries.items()):
        body += struct.pack("<HHI", number, kind, count) + value
    return body + bytes(4)
