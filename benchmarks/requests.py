"""The requests that a serving benchmark sends."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from identity import ServingBundle

Tensors = dict[str, npt.NDArray[Any]]

PROMPT = "a photo of <one>"


class Requests:
    """Makes the sampler's tensors for a bundle.

    Args:
        bundle: directory of the serving bundle.
        steps, guidance: of all requests.
    """

    def __init__(self, bundle: Path, steps: int, guidance: float) -> None:
        description = ServingBundle.load(bundle)
        tokenize = description.tokenizer(bundle)
        self._tokenize = tokenize
        self._prompt, self._negative = tokenize(PROMPT, {"one"}), tokenize("")
        self._steps, self._guidance = steps, guidance
        # An identity that has not been learned takes the same time as one that has.
        self._scale = float(np.load(bundle / "token_embeddings.npy").std())
        self._shape = (1, description.stages, 2, description.token_width)

    def of(self, identity: int, seed: int, **changes: npt.NDArray[Any]) -> Tensors:
        """A request for one picture of an identity."""
        random = np.random.default_rng(identity)
        tokens = self._scale * random.standard_normal(self._shape, np.float32)
        return {
            "prompt_ids": self._prompt.token_ids,
            "negative_ids": self._negative.token_ids,
            "placeholder_positions": np.array([self._prompt.placeholders[0].position], np.int32),
            "placeholder_identities": np.zeros(1, np.int32),
            "identities": tokens.astype(np.float32),
            "seeds": np.array([seed], np.int64),
            "steps": np.array([self._steps], np.int32),
            "guidance_scale": np.array([self._guidance], np.float32),
            **changes,
        }

    def plain(self, prompt: str, seeds: tuple[int, ...], **changes: npt.NDArray[Any]) -> Tensors:
        """A request for pictures without identities."""
        return {
            "prompt_ids": self._tokenize(prompt).token_ids,
            "negative_ids": self._negative.token_ids,
            "seeds": np.array(seeds, np.int64),
            "steps": np.array([self._steps], np.int32),
            "guidance_scale": np.array([self._guidance], np.float32),
            **changes,
        }

    def crowd(self, count: int, identities: int) -> list[Tensors]:
        """Requests of several identities, a picture each."""
        return [self.of(number % identities, number) for number in range(count)]


def as_batches(requests: list[Tensors]) -> list[Tensors]:
    """The same with a batch axis of one, as Triton's dynamic batcher wants them."""
    return [{name: tensor[None] for name, tensor in each.items()} for each in requests]
