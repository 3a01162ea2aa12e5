"""What a request to draw must be before any work begins. All violations are found at once."""

import math
from typing import Any

from identity import TRAIN_TIMESTEPS, PromptError, PromptTokenizer, ServingBundle
from identity.prompt import PLACEHOLDER
from likeness.v1 import generation_service_pb2 as pb
from service.bundle import Bundle
from service.errors import InvalidRequestError, Violation
from service.names import is_placeholder_word, parse_identity_name, quoted

MAX_PROMPT = 4096
MAX_IMAGES = 16
MAX_STEPS = 150
MAX_GUIDANCE = 30
MAX_SEED = 2**63 - 1
MIN_INIT_STRENGTH = 0.01


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
    found += _numbers(spec)
    found += _enums(spec, priority_ceiling)
    found += _interval(spec)
    for word in sorted(spec.strengths):
        found += _strength(spec, word, bundle.description if bundle else None)
    if bundle is not None:
        found += _size(spec, bundle.description)
    return found


def _prompts(spec: pb.GenerationSpec, tokenizer: PromptTokenizer | None) -> list[Violation]:
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
    return found


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
    field = _entry("identities", word)
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


def _entry(field: str, word: str) -> str:
    return f"spec.{field}[{word if is_placeholder_word(word) else quoted(word)}]"


def _numbers(spec: pb.GenerationSpec) -> list[Violation]:
    found = []

    def check(part: Any, field: str, least: float, most: float) -> None:
        name = field.rpartition(".")[2]
        if part.HasField(name) and not least <= (value := getattr(part, name)) <= most:
            limit = "2^63 - 1" if most == MAX_SEED else f"{most:g}"
            shown = value if isinstance(value, int) or not math.isfinite(value) else f"{value:g}"
            found.append(Violation(f"spec.{field}", f"must be {least:g} to {limit}, got {shown}"))

    check(spec, "image_count", 1, MAX_IMAGES)
    check(spec, "steps", 1, MAX_STEPS)
    check(spec, "guidance_scale", 1, MAX_GUIDANCE)
    check(spec, "seed", 0, MAX_SEED)
    check(spec.init_image, "init_image.strength", MIN_INIT_STRENGTH, 1)
    if 1 <= spec.image_count <= MAX_IMAGES and spec.seed > MAX_SEED - spec.image_count + 1:
        found.append(
            Violation("spec.seed", f"seed + image_count - 1 must be at most 2^63 - 1, {spec.seed}")
        )
    return found


def _enums(spec: pb.GenerationSpec, ceiling: int) -> list[Violation]:
    found = []
    if spec.scheduler not in pb.Scheduler.values():
        known = ", ".join(name for name in pb.Scheduler.keys()[1:])
        found.append(Violation("spec.scheduler", f"must be one of {known}, got {spec.scheduler}"))
    if spec.priority not in pb.Priority.values():
        known = ", ".join(pb.Priority.keys()[1:])
        found.append(Violation("spec.priority", f"must be one of {known}, got {spec.priority}"))
    elif spec.priority > ceiling:
        most, asked = pb.Priority.Name(ceiling), pb.Priority.Name(spec.priority)
        found.append(Violation("spec.priority", f"must be at most {most}, got {asked}"))
    return found


def _interval(spec: pb.GenerationSpec) -> list[Violation]:
    if not spec.HasField("guidance_interval"):
        return []
    first, last = spec.guidance_interval.first, spec.guidance_interval.last
    if TRAIN_TIMESTEPS >= first >= last >= 0:
        return []
    limits = f"must be {TRAIN_TIMESTEPS} >= first >= last >= 0, got first {first}, last {last}"
    return [Violation("spec.guidance_interval", limits)]


def _strength(spec: pb.GenerationSpec, word: str, bundle: ServingBundle | None) -> list[Violation]:
    field = _entry("strengths", word)
    stages = spec.strengths[word].stages
    if word not in spec.identities:
        return [Violation(field, "is not bound in spec.identities")]
    if bundle is not None and len(stages) not in (1, bundle.stages):
        numbers = f"must be 1 number or {bundle.stages}, one for each stage, got {len(stages)}"
        return [Violation(f"{field}.stages", numbers)]
    wrong = [each for each in stages if not 0 <= each <= 1]  # NaN is wrong too
    if wrong:
        return [Violation(f"{field}.stages", f"must be 0 to 1, got {wrong[0]:g}")]
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
