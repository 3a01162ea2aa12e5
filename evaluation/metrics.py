"""The paper's metrics (Tables I to III) as plain functions of judges' outputs."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int64]

FALSE_MATCH_RATE = 1e-3
"""At which the face threshold is set, as face recognition is commonly reported (NIST FRVT)."""


def similarity(faces: Floats, sources: Floats) -> Floats:
    """Cosines ``[N, M]`` of unit vectors ``[N, E]`` and ``[M, E]``."""
    return faces @ sources.T


def identity_score(similarities: Floats, own: Indices) -> Floats:
    """ID ``[N]``: cosine of each picture with its own person's source image."""
    scores: Floats = similarities[np.arange(len(own)), own]
    return scores


def nearest_is_own(similarities: Floats, own: Indices) -> Flags:
    """``[N]``: whether the own source image is nearer than that of any other person.

    A face that couldn't be embedded, whose cosines are all zero, is nearest to nobody.
    """
    others = similarities.copy()
    others[np.arange(len(own)), own] = -np.inf
    nearest: Flags = identity_score(similarities, own) > others.max(axis=1)
    return nearest


def identity_where_prompt_is_met(identity: Floats, met: Flags) -> Floats:
    """ID(P) ``[N]``: ID, but 0 where the picture doesn't show what the prompt asks for."""
    return np.where(met, identity, 0).astype(np.float32)


def face_threshold(sources: Floats) -> float:
    """The cosine that a share of :data:`FALSE_MATCH_RATE` of strangers' source images reaches.

    Args:
        sources: ``[G, E]`` faces of different people, at least two.
    """
    cosines = similarity(sources, sources)[np.triu_indices(len(sources), 1)]
    return float(np.quantile(cosines, 1 - FALSE_MATCH_RATE))


def false_matches(similarities: Floats, own: Indices, threshold: float) -> Floats:
    """``[N]``: share of the other people whose source image passes for the picture's face."""
    passes = similarities >= threshold
    passes[np.arange(len(own)), own] = False
    shares: Floats = passes.sum(axis=1) / max(1, similarities.shape[1] - 1)
    return shares
