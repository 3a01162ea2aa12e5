"""Text features of a prompt: per stage, keys and values (paper Fig. 5), in one encoder call."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from identity import Placeholder, ServingBundle, place_identities, prompt_rows
from sampler.batcher import Batcher
from sampler.cache import ByteCache
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
    """Encodes prompts, those that come together in one call, and remembers the last ones.

    Args:
        bundle: sizes of the text encoder.
        token_embeddings: ``[vocabulary, D]``.
        engine: runs ``text_encoder``.
        cache: features by what they were made of.
    """

    def __init__(
        self,
        bundle: ServingBundle,
        token_embeddings: npt.NDArray[np.float32],
        engine: Engine,
        cache: ByteCache,
    ) -> None:
        self._bundle = bundle
        self._token_embeddings = token_embeddings
        self._engine = engine
        self._cache = cache
        rows = prompt_rows(bundle.max_rows, bundle.stages)
        self._encode = Batcher(self._encode_all, lambda each: (_rows(each), None), rows)

    async def __call__(self, request: SamplingRequest) -> Conditioning:
        """Features of the prompt and, for a guided request, of the negative prompt.

        One call with ``2 S + 1`` rows, or ``1 + 1`` for a prompt without identities; none if all
        is remembered. Raises :class:`sampler.engine.EngineError`.
        """
        keys = {"prompt": _key(request.prompt_ids, request.placeholders, request.identities)}
        if request.guided:
            keys["negative"] = _key(request.negative_ids)
        features = {
            part: found for part, key in keys.items() if (found := self._cache.get(key)) is not None
        }
        missing = [part for part in keys if part not in features]
        if missing:
            sequences = [self._sequences(request, part) for part in missing]
            encoded = await self._encode(sequences, request.tenant, request.priority)
            for part, value in zip(missing, encoded, strict=True):
                features[part] = value
                self._cache.put(keys[part], value)
        return Conditioning(
            prompt=self._for_every_stage(features["prompt"]),
            negative=self._for_every_stage(features["negative"]) if request.guided else None,
        )

    def _sequences(self, request: SamplingRequest, part: str) -> Features:
        """``[S, 2, L, D]`` token embeddings, or ``[1, 1, L, D]`` without identities."""
        if part == "negative":
            return self._token_embeddings[request.negative_ids][None, None]
        words = self._token_embeddings[request.prompt_ids]
        if not request.placeholders:
            return words[None, None]
        tokens = {str(row): identity for row, identity in enumerate(request.identities)}
        return place_identities(words, request.placeholders, tokens, self._bundle.stages)

    async def _encode_all(self, calls: Sequence[list[Features]]) -> list[list[Features]]:
        sequences = [each for call in calls for each in call]
        rows = [each.reshape(-1, *each.shape[2:]) for each in sequences]
        encoded = await self._engine(
            "text_encoder", {"embeddings": np.concatenate(rows)}, "features"
        )
        parts = iter(np.split(encoded, np.cumsum([len(each) for each in rows])[:-1]))
        return [[_side_by_side(next(parts).reshape(each.shape)) for each in call] for call in calls]

    def _for_every_stage(self, features: Features) -> Features:
        return np.broadcast_to(features, (self._bundle.stages, *features.shape[1:]))


def _rows(sequences: list[Features]) -> int:
    return sum(each.shape[0] * each.shape[1] for each in sequences)


def _key(
    ids: npt.NDArray[np.int64],
    placeholders: Sequence[Placeholder] = (),
    identities: Features | None = None,
) -> bytes:
    """Digest of all that the encoder reads: words, and people with their strengths in place."""
    digest = hashlib.blake2b(ids.tobytes(), digest_size=16)
    if placeholders and identities is not None:
        digest.update(repr(placeholders).encode())
        digest.update(identities.tobytes())
    return digest.digest()


def _side_by_side(features: Features) -> Features:
    """``[S, K/V, L, D]`` -> ``[S, L, 2D]``; a single sequence serves for both."""
    keys, values = features[:, 0], features[:, -1]
    return np.concatenate([keys, values], axis=-1)
