"""Who a person of the face world is: continuous parameters, apart from everything that passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: Seeds from here on belong to identities that no part of the checkpoint was trained on.
HELD_OUT_SEED = 1_000_000

#: Each parameter is drawn uniformly from [0, 1], independently of all others.
PARAMETERS: tuple[str, ...] = (
    "skin_tone",  # pale .. dark
    "skin_warmth",  # rosy .. olive
    "face_width",
    "jaw",  # pointed .. square
    "eye_size",
    "eye_spacing",
    "iris_blue",  # brown .. blue
    "iris_green",  # plain .. green
    "brow_thickness",
    "brow_angle",
    "nose_length",
    "nose_width",
    "mouth_width",
    "lip_fullness",
    "hair_lightness",  # black .. white
    "hair_warmth",  # ash .. ginger
    "hair_tint",  # green .. violet
    "hair_length",  # cropped .. below the shoulders
    "hair_volume",
    "parting",  # left .. right
    "fringe",  # bare .. covered forehead
    "beard",  # none for half of all people, then stubble .. full
    "ears",
    "freckles",  # none for half of all people
)

#: Mean and standard deviation of a uniform variable, to standardise parameters.
_MEAN, _STD = 0.5, 12**-0.5


@dataclass(frozen=True)
class Identity:
    """The permanent looks of one person.

    Attributes:
        seed: where the parameters come from; also the person's number.
        values: [len(PARAMETERS)] in [0, 1].
    """

    seed: int
    values: npt.NDArray[np.float64]

    def __getattr__(self, name: str) -> float:
        """A parameter by its name."""
        try:
            return float(self.values[PARAMETERS.index(name)])
        except ValueError:
            raise AttributeError(name) from None

    def features(self) -> npt.NDArray[np.float32]:
        """[len(PARAMETERS)] parameters with zero mean and unit variance over all people."""
        standardised: npt.NDArray[np.float32] = ((self.values - _MEAN) / _STD).astype(np.float32)
        return standardised


def sample_identity(seed: int) -> Identity:
    """The person of a seed."""
    rng = np.random.default_rng([seed, 0])
    return Identity(seed, rng.uniform(size=len(PARAMETERS)))


def held_out_identity(index: int) -> Identity:
    """Person `index` of those never trained on."""
    return sample_identity(HELD_OUT_SEED + index)
