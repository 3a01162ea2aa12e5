"""What the `sampler` model of Triton takes, as tensors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Tensor = npt.NDArray[Any]


@dataclass(frozen=True)
class SamplerRequest:
    """What the sampler draws.

    Attributes:
        prompt_ids, negative_ids: ``[L]`` int64 token ids.
        placeholders: token position and row of ``identities`` of each placeholder.
        identities: ``[N, S, 2, D]`` float32.
        seeds: one per picture.
        steps: denoising steps from pure noise.
        guidance_scale: weight of classifier-free guidance.
        guidance_interval: the first and the last timestep of guidance; None: all.
        scheduler: the sampler's name of it.
        height, width: of the pictures, in pixels.
        init_image: ``[height, width, 3]`` to start from; None: noise.
        init_strength: how far the result may depart from it.
        preview_every: steps between two previews; 0: none.
        tenant: whose request it is.
        priority: higher goes first.
    """

    prompt_ids: npt.NDArray[np.int64]
    negative_ids: npt.NDArray[np.int64]
    placeholders: tuple[tuple[int, int], ...]
    identities: npt.NDArray[np.float32]
    seeds: tuple[int, ...]
    steps: int
    guidance_scale: float
    guidance_interval: tuple[int, int] | None
    scheduler: str
    height: int
    width: int
    init_image: npt.NDArray[np.uint8] | None
    init_strength: float
    preview_every: int
    tenant: str
    priority: int

    def tensors(self, seconds_left: float) -> dict[str, Tensor]:
        """The model's inputs.

        Args:
            seconds_left: after this time the pictures are of no use.
        """
        tensors: dict[str, Tensor] = {
            "prompt_ids": self.prompt_ids,
            "negative_ids": self.negative_ids,
            "seeds": np.array(self.seeds, np.int64),
            "steps": np.array([self.steps], np.int32),
            "guidance_scale": np.array([self.guidance_scale], np.float32),
            "scheduler": _text(self.scheduler),
            "size": np.array([self.height, self.width], np.int32),
            "preview_every": np.array([self.preview_every], np.int32),
            "tenant": _text(self.tenant),
            "priority": np.array([self.priority], np.int32),
            "seconds_left": np.array([seconds_left], np.float32),
        }
        if self.placeholders:
            positions, rows = np.array(self.placeholders, np.int32).T
            tensors["placeholder_positions"] = np.ascontiguousarray(positions)
            tensors["placeholder_identities"] = np.ascontiguousarray(rows)
            tensors["identities"] = self.identities
        if self.init_image is not None:
            tensors["init_image"] = self.init_image
            tensors["init_strength"] = np.array([self.init_strength], np.float32)
        if self.guidance_interval is not None:
            tensors["guidance_interval"] = np.array(self.guidance_interval, np.float32)
        return tensors


def _text(text: str) -> Tensor:
    return np.array([text.encode()], np.object_)
