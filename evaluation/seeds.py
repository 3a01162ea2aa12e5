"""The noise of a picture, the same for all that are compared."""

import hashlib


def seed_of(prompt: str, index: int) -> int:
    """The noise seed of a prompt's picture: the same for every person and method.

    So two methods' pictures differ by the method alone, and the class noun's are drawn once.
    """
    hashed = hashlib.sha256(f"{index}|{prompt}".encode()).digest()
    return int.from_bytes(hashed[:4], "little")
