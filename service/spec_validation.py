"""What a request to draw must be besides what its proto states; all violations at once."""

from identity import PromptError, PromptTokenizer, ServingBundle
from identity.prompt import PLACEHOLDER
from likeness.v1 import generation_service_pb2 as pb
from service.bundle import Bundle
from service.errors import Violation
from service.names import is_placeholder_word, quoted

MAX_PROMPT = 4096
"""Characters, as in the proto: nothing longer is tokenised."""
MAX_IMAGES = 16
MAX_SEED = 2**63 - 1


def spec_violations(
    spec: pb.GenerationSpec, bundle: Bundle | None, priority_ceiling: int
) -> list[Violation]:
    """What is wrong with a request to draw, but for its pictures.

    Args:
        spec: what to draw.
        bundle: limits of the base model; without it, its limits are not looked at.
        priority_ceiling: the highest `Priority` that the caller may ask for.
    """
    tokenizer = bundle.tokenizer if bundle else None
    found = _prompts(spec, tokenizer)
    found += _count(spec)
    found += _seed(spec)
    found += _priority(spec, priority_ceiling)
    for word in sorted(spec.strengths):
        found += _strength(spec, word, bundle.description if bundle else None)
    if bundle is not None:
        found += _size(spec, bundle.description)
    return found


def _prompts(spec: pb.GenerationSpec, tokenizer: PromptTokenizer | None) -> list[Violation]:
    bound = set(spec.identities)
    fields = {"spec.prompt": spec.prompt}
    for index, text in enumerate(spec.additional_prompts):
        fields[f"spec.additional_prompts[{index}]"] = text
    found: list[Violation] = []
    unused = set(bound)
    for field, text in fields.items():
        words = {match.group(1) for match in PLACEHOLDER.finditer(text)}
        found += _text(field, text, words, tokenizer)
        found += [
            Violation(field, f"placeholder <{word}> is not bound in spec.identities")
            for word in sorted(words - bound)
        ]
        unused -= words
    found += [
        Violation(_entry("identities", word), f"<{word}> does not occur in {' or '.join(fields)}")
        for word in sorted(unused)
    ]
    if PLACEHOLDER.search(spec.negative_prompt):
        found.append(Violation("spec.negative_prompt", "placeholders are not allowed here"))
    else:
        found += _text("spec.negative_prompt", spec.negative_prompt, set(), tokenizer)
    return found


def _text(
    field: str, text: str, words: set[str], tokenizer: PromptTokenizer | None
) -> list[Violation]:
    if tokenizer is None or len(text) > MAX_PROMPT:
        return []
    try:
        tokenizer(text, words)
    except PromptError as error:
        return [Violation(field, f"has {error}")]
    return []


def _entry(field: str, word: str) -> str:
    return f"spec.{field}[{word if is_placeholder_word(word) else quoted(word)}]"


def _count(spec: pb.GenerationSpec) -> list[Violation]:
    pictures = max(spec.image_count, 1) * (1 + len(spec.additional_prompts))
    if pictures <= MAX_IMAGES or not spec.additional_prompts:
        return []
    limit = f"prompts times image_count must be at most {MAX_IMAGES}, got {pictures}"
    return [Violation("spec.additional_prompts", limit)]


def _seed(spec: pb.GenerationSpec) -> list[Violation]:
    if spec.seed <= MAX_SEED - max(spec.image_count, 1) + 1:
        return []
    return [Violation("spec.seed", f"seed + image_count - 1 must be at most 2^63 - 1, {spec.seed}")]


def _priority(spec: pb.GenerationSpec, ceiling: int) -> list[Violation]:
    if spec.priority not in pb.Priority.values() or spec.priority <= ceiling:
        return []
    most, asked = pb.Priority.Name(ceiling), pb.Priority.Name(spec.priority)
    return [Violation("spec.priority", f"must be at most {most}, got {asked}")]


def _strength(spec: pb.GenerationSpec, word: str, bundle: ServingBundle | None) -> list[Violation]:
    field = _entry("strengths", word)
    stages = spec.strengths[word].stages
    if word not in spec.identities:
        return [Violation(field, "is not bound in spec.identities")]
    if bundle is not None and len(stages) not in (1, bundle.stages):
        numbers = f"must be 1 number or {bundle.stages}, one for each stage, got {len(stages)}"
        return [Violation(f"{field}.stages", numbers)]
    return []


def _size(spec: pb.GenerationSpec, bundle: ServingBundle) -> list[Violation]:
    least, most = bundle.min_image_size, bundle.max_image_size
    multiple = bundle.image_size_multiple
    return [
        Violation(
            f"spec.{field}",
            f"must be {least} to {most} in multiples of {multiple}, got {getattr(spec, field)}",
        )
        for field in ("width", "height")
        if spec.HasField(field)
        and not (least <= getattr(spec, field) <= most and getattr(spec, field) % multiple == 0)
    ]
