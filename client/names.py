"""Resource names, and how the words of a prompt are bound to identities by default."""

import re

IDENTITIES, OPERATIONS = "identities", "operations"

_PLACEHOLDER = re.compile(r"<([A-Za-z0-9][A-Za-z0-9_-]{0,62})>")


def resource_name(collection: str, name: str) -> str:
    """`identities/ann` for both `ann` and `identities/ann`."""
    return name if "/" in name else f"{collection}/{name}"


def placeholder_bindings(*prompts: str) -> dict[str, str]:
    """Binds each `<word>` of the prompts to `identities/word`."""
    words = (word for prompt in prompts for word in _PLACEHOLDER.findall(prompt))
    return {word: resource_name(IDENTITIES, word) for word in words}
