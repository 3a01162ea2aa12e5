"""Files that a request carries."""

from pathlib import Path

import grpc

from client.errors import FieldViolation, LikenessError

MAX_IMAGE_BYTES = 16 * 2**20
MAX_ARTIFACT_BYTES = 2**20
"""The API's limits, seen to here as well: what gRPC says of a larger request helps nobody."""


def upload(field: str, content: bytes | str | Path, limit: int) -> bytes:
    """A file's bytes, read if it is a path.

    Args:
        field: of the request, which an error names.
        content: the file, or its bytes.
        limit: of the bytes.

    Raises:
        LikenessError: the file is larger than the service takes.
        OSError: the file can't be read.
    """
    size = len(content) if isinstance(content, bytes) else Path(content).stat().st_size
    if size > limit:
        violation = FieldViolation(field, f"has {size} bytes, the limit is {limit}")
        message = f"{violation.field}: {violation.description}"
        raise LikenessError(grpc.StatusCode.INVALID_ARGUMENT, message, (violation,))
    return content if isinstance(content, bytes) else Path(content).read_bytes()
