"""Names of resources, and how request text is quoted in an answer."""

import re

from identity.prompt import PLACEHOLDER
from service.errors import InvalidRequestError, Violation

IDENTITY_TYPE = "likeness.dev/Identity"
OPERATION_TYPE = "google.longrunning/Operation"

IDENTITY_ID = re.compile(r"[a-z][a-z0-9-]{0,62}")
_OPERATION_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


def identity_name(identity_id: str) -> str:
    """``identities/{identity}``."""
    return f"identities/{identity_id}"


def operation_name(uid: str) -> str:
    """``operations/{operation}``."""
    return f"operations/{uid}"


def parse_identity_name(name: str, field: str = "name") -> str:
    """The id in ``identities/{identity}``. Raises :class:`InvalidRequestError`."""
    return _parse(name, field, "identities", IDENTITY_ID)


def parse_operation_name(name: str, field: str = "name") -> str:
    """The id in ``operations/{operation}``. Raises :class:`InvalidRequestError`."""
    return _parse(name, field, "operations", _OPERATION_ID)


def is_placeholder_word(word: str) -> bool:
    """Whether ``<word>`` would be a placeholder."""
    return PLACEHOLDER.fullmatch(f"<{word}>") is not None


def quoted(text: str) -> str:
    """Request text for an error message: short, printable, ASCII."""
    return ascii(text if len(text) <= 40 else text[:37] + "...")


def _parse(name: str, field: str, collection: str, pattern: re.Pattern[str]) -> str:
    head, _, last = name.partition("/")
    if head != collection or not pattern.fullmatch(last):
        description = f"must be {collection}/ID with ID matching {pattern.pattern}"
        raise InvalidRequestError([Violation(field, f"{description}, got {quoted(name)}")])
    return last
