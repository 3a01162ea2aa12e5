"""What the `sampler` model of Triton answers, as events."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import DeadlineExceededError, ResourceExhaustedError

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class SamplerProgress:
    """Denoising steps done; before the first one, the place in the queue, counted from 1."""

    step: int
    total_steps: int
    queue_position: int


@dataclass(frozen=True)
class SamplerPreview:
    """What a picture will look like, ``[h, w, 3]``."""

    index: int
    step: int
    pixels: Pixels


@dataclass(frozen=True)
class SamplerImage:
    """A finished picture, ``[H, W, 3]``; None: the safety checker holds it back."""

    index: int
    pixels: Pixels | None


SamplerEvent = SamplerProgress | SamplerPreview | SamplerImage


def events_of(answer: Any) -> Iterator[SamplerEvent]:
    """What one answer of the sampler tells.

    Raises:
        ResourceExhaustedError, DeadlineExceededError: the request will not be drawn.
    """
    if (refusal := answer.as_numpy("refusal")) is not None:
        kind, why = (text.decode() for text in refusal)
        raise _refused(kind, why, float(answer.as_numpy("retry_seconds")[0]))
    if (progress := answer.as_numpy("progress")) is not None:
        yield SamplerProgress(*map(int, progress))
    if (pixels := answer.as_numpy("preview")) is not None:
        index, step = map(int, answer.as_numpy("preview_of"))
        yield SamplerPreview(index, step, pixels)
    if (pixels := answer.as_numpy("image")) is not None:
        yield SamplerImage(int(answer.as_numpy("image_index")[0]), pixels)
    if (index := answer.as_numpy("filtered")) is not None:
        yield SamplerImage(int(index[0]), None)


def _refused(
    kind: str, why: str, retry_seconds: float
) -> ResourceExhaustedError | DeadlineExceededError:
    if kind == "QUEUE_FULL":
        return ResourceExhaustedError(why, "QUEUE_FULL", retry_seconds)
    return DeadlineExceededError(why, "DEADLINE_CANNOT_BE_MET")
