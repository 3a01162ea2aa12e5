"""What one request asks for, read from its tensors and checked before any work starts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from identity import TRAIN_TIMESTEPS, Placeholder, ServingBundle
from sampler.engine import Array
from sampler.schedulers import SCHEDULERS
from sampler.tensors import RequestError, Tensors

MAX_STEPS = 150
MAX_IMAGES = 16
MAX_GUIDANCE = 30.0
MAX_NAME = 128
MAX_SECONDS = 86_400.0
PRIORITIES = (-1, 1)


@dataclass(frozen=True)
class SamplingRequest:
    """A checked request.

    Attributes:
        prompt_ids, negative_ids: ``[L]`` token ids.
        placeholders: token positions at which identities stand; the word is the row of
            ``identities``, in decimal.
        identities: ``[N, S, 2, D]``, N = 0 for a plain prompt.
        seeds: one for each picture.
        steps: denoising steps from pure noise.
        guidance_scale: weight of classifier-free guidance; 1 needs no unconditional row.
        guidance_interval: timesteps (first, last), first >= last, outside of which there is no
            guidance.
        scheduler: a key of :data:`sampler.schedulers.SCHEDULERS`.
        height, width: of the pictures, in pixels.
        init_image: ``[H, W, 3]`` to start from, or None for noise.
        init_strength: in (0, 1], how much of the way from noise is gone; 1 without init_image.
        preview_every: steps between two previews; 0: none.
        tenant: whose request it is; an opaque name.
        priority: higher goes first.
        seconds_left: after this time the pictures are of no use.
    """

    prompt_ids: npt.NDArray[np.int64]
    negative_ids: npt.NDArray[np.int64]
    placeholders: tuple[Placeholder, ...]
    identities: npt.NDArray[np.float32]
    seeds: tuple[int, ...]
    steps: int
    guidance_scale: float
    guidance_interval: tuple[float, float]
    scheduler: str
    height: int
    width: int
    init_image: npt.NDArray[np.uint8] | None
    init_strength: float
    preview_every: int
    tenant: str
    priority: int
    seconds_left: float

    @property
    def guided(self) -> bool:
        """Whether the unconditional row is needed at all."""
        return self.guidance_scale != 1.0

    @property
    def steps_taken(self) -> int:
        """Steps of each picture: those from noise, less what the initial picture saves."""
        return max(1, int(self.steps * self.init_strength))

    def guided_at(self, timestep: float) -> bool:
        """Whether the unconditional row is needed at a timestep (Kynkäänniemi et al. 2024)."""
        first, last = self.guidance_interval
        return self.guided and last <= timestep <= first


def parse_request(
    tensors: Mapping[str, Array | None], bundle: ServingBundle, vocabulary: int
) -> SamplingRequest:
    """Reads the tensors of :data:`sampler.interface.INPUTS`; None is an absent one.

    Raises:
        RequestError: a tensor is missing or not within the limits of the bundle.
    """
    given = Tensors(tensors)
    seeds = given.required("seeds")
    if seeds.ndim != 1 or not 1 <= len(seeds) <= MAX_IMAGES:
        raise RequestError(f"seeds must be 1 to {MAX_IMAGES} numbers, got {list(seeds.shape)}")
    if (seeds < 0).any():
        raise RequestError("seeds must not be negative")
    identities = _identities(given, bundle)
    height, width = _size(given, bundle)
    init_image = _init_image(given, height, width)
    return SamplingRequest(
        prompt_ids=_ids(given, "prompt_ids", bundle.text_window, vocabulary),
        negative_ids=_ids(given, "negative_ids", bundle.text_window, vocabulary),
        placeholders=_placeholders(given, bundle.text_window, len(identities)),
        identities=identities,
        seeds=tuple(int(seed) for seed in seeds),
        steps=int(given.number("steps", 1, MAX_STEPS)),
        guidance_scale=given.number("guidance_scale", 1, MAX_GUIDANCE),
        guidance_interval=_guidance_interval(given),
        scheduler=_scheduler(given),
        height=height,
        width=width,
        init_image=init_image,
        init_strength=1.0 if init_image is None else given.number("init_strength", 0.01, 1, 0.8),
        preview_every=int(given.number("preview_every", 0, MAX_STEPS, 0)),
        tenant=given.text("tenant", MAX_NAME, ""),
        priority=int(given.number("priority", *PRIORITIES, 0)),
        seconds_left=given.number("seconds_left", 0, MAX_SECONDS, MAX_SECONDS),
    )


def _ids(given: Tensors, name: str, window: int, vocabulary: int) -> npt.NDArray[np.int64]:
    ids = given.required(name)
    if ids.shape != (window,):
        raise RequestError(f"{name} must be [{window}], got {list(ids.shape)}")
    if (ids < 0).any() or (ids >= vocabulary).any():
        raise RequestError(f"{name} must lie in [0, {vocabulary})")
    return ids


def _identities(given: Tensors, bundle: ServingBundle) -> npt.NDArray[np.float32]:
    shape = (bundle.stages, 2, bundle.token_width)
    identities = given.optional("identities")
    if identities is None:
        return np.zeros((0, *shape), np.float32)
    if identities.shape[1:] != shape:
        wanted = ", ".join(str(size) for size in shape)
        raise RequestError(f"identities must be [N, {wanted}], got {list(identities.shape)}")
    if not np.isfinite(identities).all():
        raise RequestError("identities must be finite")
    return identities


def _placeholders(given: Tensors, window: int, identities: int) -> tuple[Placeholder, ...]:
    none = np.zeros(0, np.int32)
    positions, rows = (
        none if (tensor := given.optional(name)) is None else tensor
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


def _scheduler(given: Tensors) -> str:
    name = given.text("scheduler", MAX_NAME, "ddim")
    if name not in SCHEDULERS:
        raise RequestError(f"scheduler must be one of {', '.join(SCHEDULERS)}, got {name!r}")
    return name


def _size(given: Tensors, bundle: ServingBundle) -> tuple[int, int]:
    size = given.optional("size")
    if size is None:
        return bundle.image_height, bundle.image_width
    if size.shape != (2,):
        raise RequestError(f"size must be height and width, got {list(size.shape)}")
    least, most = bundle.min_image_size, bundle.max_image_size
    multiple = bundle.image_size_multiple
    if not all(least <= side <= most and side % multiple == 0 for side in size):
        raise RequestError(
            f"size must be {least} to {most} in multiples of {multiple}, got {size.tolist()}"
        )
    return int(size[0]), int(size[1])


def _init_image(given: Tensors, height: int, width: int) -> npt.NDArray[np.uint8] | None:
    image = given.optional("init_image")
    if image is not None and image.shape != (height, width, 3):
        raise RequestError(f"init_image must be [{height}, {width}, 3], got {list(image.shape)}")
    return image


def _guidance_interval(given: Tensors) -> tuple[float, float]:
    interval = given.optional("guidance_interval")
    if interval is None:
        return float(TRAIN_TIMESTEPS), 0.0
    if interval.shape != (2,) or not TRAIN_TIMESTEPS >= interval[0] >= interval[1] >= 0:
        raise RequestError(
            f"guidance_interval must be two timesteps, {TRAIN_TIMESTEPS} >= first >= last >= 0"
        )
    return float(interval[0]), float(interval[1])
