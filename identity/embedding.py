"""Places identities among the words of a prompt (paper Fig. 5)."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from identity.prompt import Placeholder


def place_identities(
    words: npt.NDArray[np.float32],
    placeholders: Sequence[Placeholder],
    tokens: Mapping[str, npt.NDArray[np.float32]],
    stages: int,
) -> npt.NDArray[np.float32]:
    """The prompt's token embeddings with every placeholder replaced, per stage and per K/V.

    Args:
        words: ``[L, D]`` token embeddings of the prompt.
        placeholders: where the identities stand.
        tokens: ``[S, 2, D]`` of each placeholder word.
        stages: S.

    Returns:
        ``[S, 2, L, D]``: the sequences that give the keys (0) and the values (1).
    """
    placed = np.broadcast_to(words, (stages, 2, *words.shape)).copy()
    for placeholder in placeholders:
        placed[:, :, placeholder.position] = tokens[placeholder.word]
    return placed
