"""What to draw, as the service wants it."""

from collections.abc import Mapping
from typing import TypedDict

from client.names import IDENTITIES, placeholder_bindings, resource_name
from likeness.v1 import generation_service_pb2 as pb


class Drawing(TypedDict, total=False):
    """How to draw a prompt. The service chooses whatever is left out or None.

    Attributes:
        negative_prompt: what to keep out of the picture.
        image_count: number of pictures.
        steps: denoising steps.
        guidance_scale: weight of classifier-free guidance; 1 switches it off.
        seed: of the first picture; the next ones count up from it.
    """

    negative_prompt: str
    image_count: int | None
    steps: int | None
    guidance_scale: float | None
    seed: int | None


def generation_spec(
    prompt: str, identities: Mapping[str, str] | None, drawing: Drawing
) -> pb.GenerationSpec:
    """The message; without `identities` each `<word>` of the prompt means `identities/word`."""
    bindings = placeholder_bindings(prompt) if identities is None else identities
    return pb.GenerationSpec(
        prompt=prompt,
        identities={word: resource_name(IDENTITIES, name) for word, name in bindings.items()},
        negative_prompt=drawing.get("negative_prompt", ""),
        image_count=drawing.get("image_count"),
        steps=drawing.get("steps"),
        guidance_scale=drawing.get("guidance_scale"),
        seed=drawing.get("seed"),
    )
