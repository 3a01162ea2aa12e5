"""What to draw, as the service wants it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypedDict

from client.names import IDENTITIES, placeholder_bindings, resource_name
from client.uploads import MAX_IMAGE_BYTES, upload
from likeness.v1 import generation_service_pb2 as pb

SchedulerName = Literal["ddim", "dpmpp_2m", "euler", "euler_ancestral", "unipc", "lcm"]
PriorityName = Literal["low", "normal", "high"]


class Drawing(TypedDict, total=False):
    """How to draw a prompt. The service chooses whatever is left out or None.

    Attributes:
        additional_prompts: drawn in the same batch, with everything else the same; each picture's
            `prompt_index` tells its prompt. Words mean the same identities in all of them.
        negative_prompt: what to keep out of the picture.
        image_count: number of pictures.
        steps: denoising steps.
        guidance_scale: weight of classifier-free guidance; 1 switches it off.
        seed: of the first picture; the next ones count up from it.
        scheduler: the solver.
        width, height: of the pictures, in pixels.
        strengths: how much of each word's identity to draw, from 0 (its class noun) to 1 (all of
            it): one number, or one for each stage of the diffusion.
        init_image: file or bytes of a picture to start from.
        init_strength: how far the result may depart from it, up to 1.
        guidance_interval: the first and the last timestep of guidance, such as (800, 100).
        priority: whose turn it is when requests compete.
    """

    additional_prompts: Sequence[str]
    negative_prompt: str
    image_count: int | None
    steps: int | None
    guidance_scale: float | None
    seed: int | None
    scheduler: SchedulerName | None
    width: int | None
    height: int | None
    strengths: Mapping[str, float | Sequence[float]] | None
    init_image: bytes | str | Path | None
    init_strength: float | None
    guidance_interval: tuple[int, int] | None
    priority: PriorityName | None


def generation_spec(
    prompt: str, identities: Mapping[str, str] | None, drawing: Drawing
) -> pb.GenerationSpec:
    """The message; without `identities` each `<word>` of the prompts means `identities/word`.

    Raises:
        LikenessError: the initial picture is larger than the service takes.
        OSError: the initial picture can't be read.
        ValueError: there is no such scheduler or priority.
    """
    further = drawing.get("additional_prompts", ())
    bindings = placeholder_bindings(prompt, *further) if identities is None else identities
    scheduler, priority = drawing.get("scheduler"), drawing.get("priority")
    spec = pb.GenerationSpec(
        prompt=prompt,
        additional_prompts=further,
        identities={word: resource_name(IDENTITIES, name) for word, name in bindings.items()},
        negative_prompt=drawing.get("negative_prompt", ""),
        image_count=drawing.get("image_count"),
        steps=drawing.get("steps"),
        guidance_scale=drawing.get("guidance_scale"),
        seed=drawing.get("seed"),
        scheduler=f"SCHEDULER_{scheduler.upper()}" if scheduler else None,
        width=drawing.get("width"),
        height=drawing.get("height"),
        init_image=_init_image(drawing),
        priority=f"PRIORITY_{priority.upper()}" if priority else None,
    )
    for word, strength in (drawing.get("strengths") or {}).items():
        stages = [strength] if isinstance(strength, float | int) else strength
        spec.strengths[word].stages.extend(stages)
    if (interval := drawing.get("guidance_interval")) is not None:
        spec.guidance_interval.first, spec.guidance_interval.last = interval
    return spec


def _init_image(drawing: Drawing) -> pb.InitImage | None:
    image = drawing.get("init_image")
    if image is None:
        return None
    data = upload("spec.init_image.data", image, MAX_IMAGE_BYTES)
    return pb.InitImage(data=data, strength=drawing.get("init_strength"))
