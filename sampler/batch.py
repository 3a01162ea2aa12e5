"""Which pictures share the next step, and the U-Net's inputs for them."""

from collections.abc import Sequence

import numpy as np

from sampler.engine import Array
from sampler.picture import Picture


def choose(requests: Sequence[Sequence[Picture]], max_rows: int) -> list[Picture]:
    """Pictures of the next step, in turns: the first of each request, then the second of each.

    Args:
        requests: the unfinished pictures of each request; whose turn comes first stands first.
        max_rows: rows that the batch may take.

    Returns:
        The chosen pictures; their rows do not exceed ``max_rows``.
    """
    chosen: list[Picture] = []
    rows = 0
    for turn in range(max(map(len, requests), default=0)):
        for pictures in requests:
            if turn < len(pictures) and rows + pictures[turn].rows <= max_rows:
                chosen.append(pictures[turn])
                rows += pictures[turn].rows
    return chosen


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
