"""What a request must be before any work begins. Every function finds all violations at once."""

from identity import PromptTokenizer
from likeness.v1 import identity_service_pb2 as pb
from service.errors import InvalidRequestError, Violation
from service.names import (
    IDENTITY_ID,
    is_uuid4,
    quoted,
)

PRESETS = ("default", "paper")
DEFAULT_CLASS_NOUN = "person"
MAX_CLASS_NOUN = 32
MAX_PREVIEWS = 10
MAX_TIMEOUT = 30 * 24 * 3600
MAX_PAGE = 1000
DEFAULT_PAGE = 50


def training_violations(
    request: pb.TrainIdentityRequest, tokenizer: PromptTokenizer | None
) -> list[Violation]:
    """What is wrong with a `TrainIdentity` request, but for its image. Without tokenizer
    the trainer has to judge whether the base model knows the class noun.
    """
    found = []
    if request.identity_id and not IDENTITY_ID.fullmatch(request.identity_id):
        found.append(
            Violation(
                "identity_id",
                "must be 1 to 63 lower-case letters, digits and hyphens, beginning with a letter",
            )
        )
    if (description := _class_noun(request.class_noun, tokenizer)) is not None:
        found.append(Violation("class_noun", description))
    if request.preset and request.preset not in PRESETS:
        found.append(
            Violation("preset", f"must be {' or '.join(PRESETS)}, got {quoted(request.preset)}")
        )
    if request.seed < 0:
        found.append(Violation("seed", f"must be 0 to 2^63 - 1, got {request.seed}"))
    if request.request_id and not is_uuid4(request.request_id):
        found.append(Violation("request_id", f"must be a UUID4, got {quoted(request.request_id)}"))
    if not 0 <= request.preview_count <= MAX_PREVIEWS:
        found.append(
            Violation("preview_count", f"must be 0 to {MAX_PREVIEWS}, got {request.preview_count}")
        )
    timeout = request.timeout.ToTimedelta().total_seconds()
    if request.HasField("timeout") and not 0 < timeout <= MAX_TIMEOUT:
        found.append(
            Violation("timeout", f"must be above 0 s, to {MAX_TIMEOUT} s, got {timeout:g} s")
        )
    return found


def _class_noun(noun: str, tokenizer: PromptTokenizer | None) -> str | None:
    if not noun:
        return None
    if not (noun.isascii() and noun.isalpha() and len(noun) <= MAX_CLASS_NOUN):
        return f"must be one word of 1 to {MAX_CLASS_NOUN} letters, got {quoted(noun)}"
    if tokenizer is not None and (tokens := tokenizer(noun).length - 2) != 1:
        return f"must be a word that is 1 token of the base model, {quoted(noun)} is {tokens}"
    return None


def page_size(requested: int) -> int:
    """The size of a page. Raises :class:`InvalidRequestError`."""
    if requested < 0:
        raise InvalidRequestError(
            [Violation("page_size", f"must be 0 to {MAX_PAGE}, got {requested}")]
        )
    return min(requested or DEFAULT_PAGE, MAX_PAGE)
