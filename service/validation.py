"""What a request must be before any work begins. Every function finds all violations at once."""

import math

from identity import PromptError, PromptTokenizer
from identity.prompt import PLACEHOLDER
from likeness.v1 import generation_service_pb2 as generation_pb
from likeness.v1 import identity_service_pb2 as pb
from service.errors import InvalidRequestError, Violation
from service.images import image_violation
from service.names import (
    IDENTITY_ID,
    is_placeholder_word,
    is_uuid4,
    parse_identity_name,
    quoted,
)

PRESETS = ("default", "paper")
DEFAULT_CLASS_NOUN = "person"
MAX_CLASS_NOUN = 32
MAX_PROMPT = 4096
MAX_IMAGES = 16
MAX_STEPS = 150
MAX_GUIDANCE = 30
MAX_SEED = 2**63 - 1
MAX_PAGE = 1000
DEFAULT_PAGE = 50


async def training_violations(
    request: pb.TrainIdentityRequest, tokenizer: PromptTokenizer | None
) -> list[Violation]:
    """What is wrong with a `TrainIdentity` request. Without tokenizer the trainer has to judge
    whether the base model knows the class noun.
    """
    found = []
    if request.identity_id and not IDENTITY_ID.fullmatch(request.identity_id):
        found.append(
            Violation(
                "identity_id",
                "must be 1 to 63 lower-case letters, digits and hyphens, beginning with a letter",
            )
        )
    if (description := await image_violation(request.image)) is not None:
        found.append(Violation("image", description))
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
    return found


def _class_noun(noun: str, tokenizer: PromptTokenizer | None) -> str | None:
    if not noun:
        return None
    if not (noun.isascii() and noun.isalpha() and len(noun) <= MAX_CLASS_NOUN):
        return f"must be one word of 1 to {MAX_CLASS_NOUN} letters, got {quoted(noun)}"
    if tokenizer is not None and (tokens := tokenizer(noun).length - 2) != 1:
        return f"must be a word that is 1 token of the base model, {quoted(noun)} is {tokens}"
    return None


def spec_violations(
    spec: generation_pb.GenerationSpec, tokenizer: PromptTokenizer | None
) -> list[Violation]:
    """What is wrong with a request to draw. Without tokenizer, texts are not measured in tokens."""
    bound = set(spec.identities)
    words = {match.group(1) for match in PLACEHOLDER.finditer(spec.prompt)}
    found = _text("spec.prompt", spec.prompt, words, tokenizer)
    if not spec.prompt.strip():
        found.append(Violation("spec.prompt", "is empty; a description is needed"))
    found += [
        Violation("spec.prompt", f"placeholder <{word}> is not bound in spec.identities")
        for word in sorted(words - bound)
    ]
    for word in sorted(bound):
        found += _binding(word, spec.identities[word], words)
    if PLACEHOLDER.search(spec.negative_prompt):
        found.append(Violation("spec.negative_prompt", "placeholders are not allowed here"))
    else:
        found += _text("spec.negative_prompt", spec.negative_prompt, set(), tokenizer)
    return found + _numbers(spec)


def _text(
    field: str, text: str, words: set[str], tokenizer: PromptTokenizer | None
) -> list[Violation]:
    if len(text) > MAX_PROMPT:
        return [Violation(field, f"has {len(text)} characters, the limit is {MAX_PROMPT}")]
    if tokenizer is None:
        return []
    try:
        tokenizer(text, words)
    except PromptError as error:
        return [Violation(field, f"has {error}")]
    return []


def _binding(word: str, name: str, words: set[str]) -> list[Violation]:
    field = f"spec.identities[{word if is_placeholder_word(word) else quoted(word)}]"
    found = []
    if not is_placeholder_word(word):
        found.append(Violation(field, "the key can't be a placeholder: letters, digits, - and _"))
    elif word not in words:
        found.append(Violation(field, f"<{word}> does not occur in spec.prompt"))
    try:
        parse_identity_name(name, field)
    except InvalidRequestError as error:
        found += error.violations
    return found


def _numbers(spec: generation_pb.GenerationSpec) -> list[Violation]:
    found = []

    def check(field: str, value: float, least: int, most: int) -> None:
        if spec.HasField(field) and not least <= value <= most:
            limit = "2^63 - 1" if most == MAX_SEED else str(most)
            shown = value if isinstance(value, int) or not math.isfinite(value) else f"{value:g}"
            found.append(Violation(f"spec.{field}", f"must be {least} to {limit}, got {shown}"))

    check("image_count", spec.image_count, 1, MAX_IMAGES)
    check("steps", spec.steps, 1, MAX_STEPS)
    check("guidance_scale", spec.guidance_scale, 1, MAX_GUIDANCE)
    check("seed", spec.seed, 0, MAX_SEED)
    if 1 <= spec.image_count <= MAX_IMAGES and spec.seed > MAX_SEED - spec.image_count + 1:
        found.append(
            Violation("spec.seed", f"seed + image_count - 1 must be at most 2^63 - 1, {spec.seed}")
        )
    return found


def page_size(requested: int) -> int:
    """The size of a page. Raises :class:`InvalidRequestError`."""
    if requested < 0:
        raise InvalidRequestError(
            [Violation("page_size", f"must be 0 to {MAX_PAGE}, got {requested}")]
        )
    return min(requested or DEFAULT_PAGE, MAX_PAGE)
