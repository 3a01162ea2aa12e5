"""What one request asks for, read from its tensors and checked before any work starts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from identity import Placeholder, ServingBundle
from sampler.engine import Array

MAX_STEPS = 150
MAX_IMAGES = 16
MAX_GUIDANCE = 30.0

INPUTS = (
    "prompt_ids",
    "negative_ids",
    "placeholder_positions",
    "placeholder_identities",
    "identities",
    "seeds",
    "steps",
    "guidance_scale",
)


class RequestError(ValueError):
    """A request that can't be drawn; the message names the tensor and the limit."""


@dataclass(frozen=True)
class SamplingRequest:
    """A checked request.

    Attributes:
        prompt_ids, negative_ids: ``[L]`` token ids.
        placeholders: token positions at which identities stand; the word is the row of
            ``identities``, in decimal.
        identities: ``[N, S, 2, D]``, N = 0 for a plain prompt.
        seeds: one for each picture.
        steps: denoising steps of each picture.
        guidance_scale: weight of classifier-free guidance; 1 needs no unconditional row.
    """

    prompt_ids: npt.NDArray[np.int64]
    negative_ids: npt.NDArray[np.int64]
    placeholders: tuple[Placeholder, ...]
    identities: npt.NDArray[np.float32]
    seeds: tuple[int, ...]
    steps: int
    guidance_scale: float

    @property
    def guided(self) -> bool:
        """Whether the unconditional row is needed."""
        return self.guidance_scale != 1.0


def parse_request(
    tensors: Mapping[str, Array | None], bundle: ServingBundle, vocabulary: int
) -> SamplingRequest:
    """Reads the tensors named in :data:`INPUTS`; None stands for an absent one.

    Raises:
        RequestError: a tensor is missing or not within the limits of the bundle.
    """
    steps = _scalar(tensors, "steps")
    if not 1 <= steps <= MAX_STEPS:
        raise RequestError(f"steps must be 1 to {MAX_STEPS}, got {steps:.0f}")
    guidance_scale = _scalar(tensors, "guidance_scale")
    if not 1 <= guidance_scale <= MAX_GUIDANCE:
        raise RequestError(f"guidance_scale must be 1 to {MAX_GUIDANCE:.0f}, got {guidance_scale}")
    seeds = _required(tensors, "seeds")
    if seeds.ndim != 1 or not 1 <= len(seeds) <= MAX_IMAGES:
        raise RequestError(f"seeds must be 1 to {MAX_IMAGES} numbers, got {list(seeds.shape)}")
    if (seeds < 0).any():
        raise RequestError("seeds must not be negative")
    identities = _identities(tensors, bundle)
    return SamplingRequest(
        prompt_ids=_ids(tensors, "prompt_ids", bundle.text_window, vocabulary),
        negative_ids=_ids(tensors, "negative_ids", bundle.text_window, vocabulary),
        placeholders=_placeholders(tensors, bundle.text_window, len(identities)),
        identities=identities,
        seeds=tuple(int(seed) for seed in seeds),
        steps=int(steps),
        guidance_scale=guidance_scale,
    )


def _required(tensors: Mapping[str, Array | None], name: str) -> Array:
    tensor = tensors.get(name)
    if tensor is None:
        raise RequestError(f"{name} is missing")
    return tensor


def _scalar(tensors: Mapping[str, Array | None], name: str) -> float:
    tensor = _required(tensors, name)
    if tensor.shape != (1,):
        raise RequestError(f"{name} must be [1], got {list(tensor.shape)}")
    return float(tensor[0])


def _ids(
    tensors: Mapping[str, Array | None], name: str, window: int, vocabulary: int
) -> npt.NDArray[np.int64]:
    ids = _required(tensors, name)
    if ids.shape != (window,):
        raise RequestError(f"{name} must be [{window}], got {list(ids.shape)}")
    if (ids < 0).any() or (ids >= vocabulary).any():
        raise RequestError(f"{name} must lie in [0, {vocabulary})")
    return ids


def _identities(
    tensors: Mapping[str, Array | None], bundle: ServingBundle
) -> npt.NDArray[np.float32]:
    shape = (bundle.stages, 2, bundle.token_width)
    identities = tensors.get("identities")
    if identities is None:
        return np.zeros((0, *shape), np.float32)
    if identities.shape[1:] != shape:
        wanted = ", ".join(str(size) for size in shape)
        raise RequestError(f"identities must be [N, {wanted}], got {list(identities.shape)}")
    if not np.isfinite(identities).all():
        raise RequestError("identities must be finite")
    return identities


def _placeholders(
    tensors: Mapping[str, Array | None], window: int, identities: int
) -> tuple[Placeholder, ...]:
    none = np.zeros(0, np.int32)
    positions, rows = (
        none if (tensor := tensors.get(name)) is None else tensor
        for name in ("placeholder_positions", "placeholder_identities")
    )
    if positions.ndim != 1 or positions.shape != rows.shape:
        raise RequestError(
            "placeholder_positions and placeholder_identities must be equally long, "
            f"got {list(positions.shape)} and {list(rows.shape)}"
        )
    if (positions < 0).any() or (positions >= window).any():
        raise RequestError(f"placeholder_positions must lie in [0, {window})")
    if len(np.unique(positions)) != len(positions):
        raise RequestError("placeholder_positions must differ")
    if (rows < 0).any() or (rows >= identities).any():
        raise RequestError(f"placeholder_identities must lie in [0, {identities})")
    return tuple(
        Placeholder(str(row), int(position)) for position, row in zip(positions, rows, strict=True)
    )
