"""Text features of a prompt: per stage, keys and values (paper Fig. 5), in one encoder call."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from identity import ServingBundle, place_identities
from sampler.engine import Engine
from sampler.request import SamplingRequest

Features = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Conditioning:
    """What the U-Net's rows of one request attend to.

    Attributes:
        prompt: ``[S, L, 2D]``, key features and value features side by side.
        negative: the same for the unconditional row, or None without guidance.
    """

    prompt: Features
    negative: Features | None


class Conditioner:
    """Encodes prompts, and remembers those used last.

    Args:
        bundle: sizes of the text encoder.
        token_embeddings: ``[vocabulary, D]``.
        engine: runs ``text_encoder``.
        capacity: prompts that are remembered.
    """

    def __init__(
        self,
        bundle: ServingBundle,
        token_embeddings: npt.NDArray[np.float32],
        engine: Engine,
        capacity: int = 32,
    ) -> None:
        self._bundle = bundle
        self._token_embeddings = token_embeddings
        self._engine = engine
        self._capacity = capacity
        self._features: OrderedDict[Hashable, Features] = OrderedDict()

    async def __call__(self, request: SamplingRequest) -> Conditioning:
        """Features of the prompt and, for a guided request, of the negative prompt.

        One call with ``2 S + 1`` rows, or ``1 + 1`` for a prompt without identities; none if all
        is remembered. Raises :class:`sampler.engine.EngineError`.
        """
        prompt_key = _key(request)
        wanted = {prompt_key: self._sequences(request)}
        if request.guided:
            negative_key = request.negative_ids.tobytes()
            wanted[negative_key] = self._token_embeddings[request.negative_ids][None, None]
        features = {key: self._features[key] for key in wanted if key in self._features}
        missing = {key: sequences for key, sequences in wanted.items() if key not in features}
        if missing:
            features |= await self._encode(missing)
        for key, value in features.items():
            self._remember(key, value)
        return Conditioning(
            prompt=self._for_every_stage(features[prompt_key]),
            negative=self._for_every_stage(features[negative_key]) if request.guided else None,
        )

    def _sequences(self, request: SamplingRequest) -> Features:
        """``[S, 2, L, D]`` token embeddings, or ``[1, 1, L, D]`` without identities."""
        words = self._token_embeddings[request.prompt_ids]
        if not request.placeholders:
            return words[None, None]
        tokens = {str(row): identity for row, identity in enumerate(request.identities)}
        return place_identities(words, request.placeholders, tokens, self._bundle.stages)

    async def _encode(self, missing: dict[Hashable, Features]) -> dict[Hashable, Features]:
        rows = [each.reshape(-1, *each.shape[2:]) for each in missing.values()]
        encoded = await self._engine(
            "text_encoder", {"embeddings": np.concatenate(rows)}, "features"
        )
        parts = np.split(encoded, np.cumsum([len(each) for each in rows])[:-1])
        return {
            key: _side_by_side(part.reshape(sequences.shape))
            for (key, sequences), part in zip(missing.items(), parts, strict=True)
        }

    def _for_every_stage(self, features: Features) -> Features:
        return np.broadcast_to(features, (self._bundle.stages, *features.shape[1:]))

    def _remember(self, key: Hashable, features: Features) -> None:
        self._features[key] = features
        self._features.move_to_end(key)
        if len(self._features) > self._capacity:
            self._features.popitem(last=False)


def _key(request: SamplingRequest) -> Hashable:
    ids = request.prompt_ids.tobytes()
    if not request.placeholders:
        return ids
    return ids, request.placeholders, request.identities.tobytes()


def _side_by_side(features: Features) -> Features:
    """``[S, K/V, L, D]`` -> ``[S, L, 2D]``; a single sequence serves for both."""
    keys, values = features[:, 0], features[:, -1]
    return np.concatenate([keys, values], axis=-1)
