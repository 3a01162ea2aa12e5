"""Pictures that a request carries."""

from pathlib import Path

import grpc

from client.errors import FieldViolation, LikenessError

MAX_IMAGE_BYTES = 16 * 2**20
"""The API's limit, seen to here as well: what gRPC says of a larger request helps nobody."""


def image_bytes(field: str, image: bytes | str | Path) -> bytes:
    """A picture's bytes, read if it is a file's path.

    Args:
        field: of the request, which an error names.
        image: the file, or its bytes.

    Raises:
        LikenessError: the image is larger than the service takes.
        OSError: the file can't be read.
    """
    size = len(image) if isinstance(image, bytes) else Path(image).stat().st_size
    if size > MAX_IMAGE_BYTES:
        violation = FieldViolation(field, f"has {size} bytes, the limit is {MAX_IMAGE_BYTES}")
        message = f"{violation.field}: {violation.description}"
        raise LikenessError(grpc.StatusCode.INVALID_ARGUMENT, message, (violation,))
    return image if isinstance(image, bytes) else Path(image).read_bytes()
