"""The paper's metrics (Tables I to III) as plain functions of judges' outputs."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]


def similarity(faces: Floats, sources: Floats) -> Floats:
    """Cosines ``[N, M]`` of unit vectors ``[N, E]`` and ``[M, E]``."""
    return faces @ sources.T


def identity_score(similarities: Floats, own: npt.NDArray[np.int64]) -> Floats:
    """ID ``[N]``: cosine of each picture with its own person's source image."""
    scores: Floats = similarities[np.arange(len(own)), own]
    return scores


def nearest_is_own(similarities: Floats, own: npt.NDArray[np.int64]) -> Flags:
    """``[N]``: whether no other person's source image is nearer than the own one."""
    nearest: Flags = similarities.argmax(axis=1) == own
    return nearest


def identity_where_prompt_is_met(identity: Floats, met: Flags) -> Floats:
    """ID(P) ``[N]``: ID, but 0 where the picture doesn't show what the prompt asks for."""
    return np.where(met, identity, 0).astype(np.float32)
