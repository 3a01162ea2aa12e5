"""The U-Net's inputs of a step, and its answer, row by row."""

from collections.abc import Sequence

import numpy as np

from sampler.engine import Array
from sampler.picture import Picture


def assemble(pictures: Sequence[Picture]) -> dict[str, Array]:
    """The U-Net's inputs: ``sample`` [B, C, h, w], ``timestep`` [B], ``prompt_embeds_i``
    [B, L, 2D]; each picture's rows stand together, the unconditional one first."""
    features = [row for picture in pictures for row in picture.features]
    inputs: dict[str, Array] = {
        f"prompt_embeds_{stage}": np.stack([row[stage] for row in features])
        for stage in range(len(features[0]))
    }
    inputs["sample"] = np.concatenate(
        [
            np.broadcast_to(sample := picture.sample, (picture.rows, *sample.shape))
            for picture in pictures
        ]
    )
    inputs["timestep"] = np.array(
        [picture.timestep for picture in pictures for _ in range(picture.rows)], np.float32
    )
    return inputs


def split(noise: Array, pictures: Sequence[Picture]) -> list[Array]:
    """The answer ``[B, C, h, w]`` for each picture's own rows."""
    return np.split(noise, np.cumsum([picture.rows for picture in pictures])[:-1])
