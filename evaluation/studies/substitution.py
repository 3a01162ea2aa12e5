"""Which stages, and keys or values, take the identity and which the class noun (paper Fig. 4)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from basemodel.drawing import Pictures

Floats = npt.NDArray[np.float32]

KEYS, VALUES = 0, 1
STRENGTHS = (0.25, 0.5, 0.75)
_CELLS = 8  # a picture's layout: so many cells each way
_FRAME = 8  # its surroundings: the outer eighth on each side


@dataclass(frozen=True)
class Series:
    """Settings in the order of one question.

    Attributes:
        title: the question.
        strengths: label to ``[S, 2]``, of the keys and values of each stage; 0 is the class noun
            and 1 the identity, as :func:`identity.blend` takes them.
    """

    title: str
    strengths: Mapping[str, Floats]


def substitutions(stages: int) -> dict[str, Series]:
    """The series of an identity of S stages; stage 0 is the noisiest."""
    noun, whole = _strength(stages, slice(0)), _strength(stages, slice(None))
    return {
        "from": Series(
            "Identity from a stage on, class noun before",
            {f"from stage {i}": _strength(stages, slice(i, None)) for i in range(stages)}
            | {"class noun": noun},
        ),
        "up-to": Series(
            "Identity up to a stage, class noun after",
            {"class noun": noun}
            | {f"up to stage {i}": _strength(stages, slice(i + 1)) for i in range(stages)},
        ),
        "one": Series(
            "Identity in one stage only",
            {f"stage {i} only": _strength(stages, slice(i, i + 1)) for i in range(stages)},
        ),
        "kind": Series(
            "Identity in keys or values only",
            {
                "keys and values": whole,
                "keys only": _strength(stages, slice(None), KEYS),
                "values only": _strength(stages, slice(None), VALUES),
                "neither": noun,
            },
        ),
        "strength": Series(
            "Strength of the identity, in all stages",
            {"0": noun}
            | {f"{share:g}": whole * np.float32(share) for share in STRENGTHS}
            | {"1": whole},
        ),
    }


def name_of(strength: Floats) -> str:
    """A file name's stem for a setting: ``k0,1,1_v0,0.5,1`` of strengths ``[S, 2]``."""
    keys, values = (",".join(f"{value:g}" for value in kind) for kind in strength.T)
    return f"k{keys}_v{values}"


def layout_similarity(pictures: Pictures, others: Pictures) -> Floats:
    """``[N]``: how alike pictures ``[N, H, W, 3]`` are laid out, whatever the detail.

    Pearson's correlation of their luminance, averaged over 8 x 8 cells; H and W divide by 8.
    """
    first, second = (_standardised_cells(each) for each in (pictures, others))
    similarity: Floats = (first * second).mean(axis=1)
    return similarity


def surroundings_difference(pictures: Pictures, others: Pictures) -> Floats:
    """``[N]``: mean absolute difference of the pictures' outer frames, as a share of white."""
    difference = np.abs(pictures.astype(np.float32) - others) / 255
    height, width = pictures.shape[1:3]
    inner = np.zeros((height, width), dtype=bool)
    inner[height // _FRAME : -height // _FRAME, width // _FRAME : -width // _FRAME] = True
    shares: Floats = difference[:, ~inner].mean(axis=(1, 2), dtype=np.float32)
    return shares


def _strength(stages: int, chosen: slice, kind: int | None = None) -> Floats:
    strength = np.zeros((stages, 2), np.float32)
    strength[chosen, slice(None) if kind is None else kind] = 1
    return strength


def _standardised_cells(pictures: Pictures) -> Floats:
    """``[N, 64]`` of mean 0 and variance 1."""
    luminance = pictures @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
    count, height, width = luminance.shape
    cells = luminance.reshape(count, _CELLS, height // _CELLS, _CELLS, width // _CELLS)
    flat = cells.mean(axis=(2, 4)).reshape(count, -1)
    centred = flat - flat.mean(axis=1, keepdims=True)
    standardised: Floats = centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-6)
    return standardised
