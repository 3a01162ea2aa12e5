"""Who somebody of the face world is: continuous parameters, apart from everything that passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from faceworld.vocabulary import CATEGORIES, CLASS_NOUN

#: Seeds from here on belong to identities that no part of the checkpoint was trained on.
HELD_OUT_SEED = 1_000_000

#: Each parameter is drawn uniformly from [0, 1], independently of all others.
PARAMETERS: dict[str, tuple[str, ...]] = {
    "person": (
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
    ),
    "dog": (
        "coat_lightness",  # black .. white
        "coat_warmth",  # grey .. ginger
        "ear_length",
        "ear_droop",  # pricked .. hanging
        "ear_darkness",
        "muzzle_width",
        "muzzle_lightness",
        "head_width",
        "eye_size",
        "blaze",  # none for half of all dogs, then a narrow .. broad white stripe
        "eye_patch",  # none for half of all dogs, then pale .. dark around one eye
        "collar_red",
        "collar_blue",
    ),
    "car": (
        "body_red",
        "body_green",
        "body_blue",
        "roof_lightness",  # the body's colour .. white
        "roof_height",
        "cabin_length",
        "cabin_place",  # over the front .. over the rear
        "wheel_size",
        "stripe",  # none for half of all cars, then narrow .. broad
        "window_tint",
        "bonnet_height",
    ),
}

#: Width of `Identity.features`: a block for each category, and which of the others it is.
FEATURES = sum(map(len, PARAMETERS.values())) + len(CATEGORIES) - 1

#: Mean and standard deviation of a uniform variable, to standardise parameters.
_MEAN, _STD = 0.5, 12**-0.5


@dataclass(frozen=True)
class Identity:
    """The permanent looks of one person, dog or car.

    Attributes:
        seed: where the parameters come from; also its number.
        category: one of CATEGORIES.
        values: [len(PARAMETERS[category])] in [0, 1].
    """

    seed: int
    category: str
    values: npt.NDArray[np.float64]

    def __getattr__(self, name: str) -> float:
        """A parameter by its name."""
        names = PARAMETERS.get(self.__dict__.get("category", ""), ())  # unset while unpickling
        if name not in names:
            raise AttributeError(name)
        return float(self.values[names.index(name)])

    def features(self) -> npt.NDArray[np.float32]:
        """[FEATURES] parameters with zero mean and unit variance, zero for other categories."""
        own = (self.values - _MEAN) / _STD
        blocks = [
            own if category == self.category else np.zeros(len(names))
            for category, names in PARAMETERS.items()
        ]
        kind = [float(category == self.category) for category in CATEGORIES[1:]]
        standardised: npt.NDArray[np.float32] = np.concatenate([*blocks, kind]).astype(np.float32)
        return standardised


def sample_identity(seed: int, category: str = CLASS_NOUN) -> Identity:
    """The person, dog or car of a seed."""
    kind = CATEGORIES.index(category)
    rng = np.random.default_rng([seed, 0, kind] if kind else [seed, 0])
    return Identity(seed, category, rng.uniform(size=len(PARAMETERS[category])))


def held_out_identity(index: int, category: str = CLASS_NOUN) -> Identity:
    """Number `index` of those never trained on."""
    return sample_identity(HELD_OUT_SEED + index, category)
