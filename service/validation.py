"""What requests must be besides what their protos state, and what they mean if they say nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from identity import PromptTokenizer
from service.errors import InvalidRequestError, Violation
from service.names import quoted
from service.store import PageTokenError

DEFAULT_PRESET = "default"
DEFAULT_CLASS_NOUN = "person"
MAX_CLASS_NOUN = 32
"""Letters, as in the proto: nothing longer is tokenised."""
MAX_PAGE = 1000
DEFAULT_PAGE = 50


def class_noun_violations(noun: str, tokenizer: PromptTokenizer | None) -> list[Violation]:
    """What the base model holds against a class noun. Without tokenizer the trainer has to judge
    whether the base model knows it.
    """
    if tokenizer is None or not 0 < len(noun) <= MAX_CLASS_NOUN:
        return []
    if (tokens := tokenizer(noun).length - 2) == 1:
        return []
    description = f"must be a word that is 1 token of the base model, {quoted(noun)} is {tokens}"
    return [Violation("class_noun", description)]


def page_size(requested: int) -> int:
    """The size of a page. Raises :class:`InvalidRequestError`."""
    if requested < 0:
        raise InvalidRequestError(
            [Violation("page_size", f"must be 0 to {MAX_PAGE}, got {requested}")]
        )
    return min(requested or DEFAULT_PAGE, MAX_PAGE)


@contextmanager
def page_token_told() -> Iterator[None]:
    """Raises :class:`InvalidRequestError` where the block finds that ``page_token`` is wrong."""
    try:
        yield
    except PageTokenError as error:
        raise InvalidRequestError([Violation("page_token", str(error))]) from error
