"""Attention maps of each token per stage, of several methods (paper Fig. 3 and 13)."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer
from torch import Tensor

from basemodel import AttentionMaps, stage_means
from basemodel.drawing import Pictures, draw, identity_conditioning, torch_denoiser
from evaluation.learning import config_key
from evaluation.scores import PLAIN
from evaluation.seeds import seed_of
from evaluation.studies.bench import Advance, Bench
from identity import STAGES
from trainer.process import write_atomically

Floats = npt.NDArray[np.float32]

_PROMPT = "a photo of {} wearing sunglasses in the snow"  # sunglasses as in the paper's Fig. 13
_METHODS = ("textual-inversion", "5kv-none", "5kv-all")
_PEOPLE = 2


def study(bench: Bench, advance: Advance) -> None:
    """Draws one picture of a person by every method, all with one seed, and keeps its maps.

    Written to ``attention/<person>.npz``: ``maps [M, S, T, h, w]`` of the T tokens of the prompt,
    begin and end left out, in S windows of the timesteps whatever the method's own stages;
    ``pictures [M, H, W, 3]``, ``methods``, their configs' ``keys``, ``tokens`` and ``prompt``.
    """
    numbers = bench.numbers[:_PEOPLE]
    for done, number in enumerate(numbers):
        path = bench.folder.root / "attention" / f"{number:04d}.npz"
        if not path.exists() or _keys_in(path) != _keys(bench):
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, _recorded(bench, number))
        advance(done + 1, len(numbers))


def _keys(bench: Bench) -> list[str]:
    """Of the methods' configs; the class noun has none."""
    return ["", *(config_key(bench.methods[name]) for name in _METHODS)]


def _keys_in(path: Path) -> list[str]:
    with np.load(path) as kept:
        return kept["keys"].tolist() if "keys" in kept else []


def _recorded(bench: Bench, number: int) -> bytes:
    identities = {PLAIN: bench.noun.expand(1, 2, -1)} | {
        name: bench.learned(name, [number])[0] for name in _METHODS
    }
    drawn = [_draw(bench, tokens) for tokens in identities.values()]
    words = _token_texts(bench)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        maps=np.stack([maps[:, 1 : len(words) + 1] for _, maps in drawn]).astype(np.float16),
        pictures=np.stack([picture for picture, _ in drawn]),
        methods=list(identities),
        keys=_keys(bench),
        tokens=words,
        prompt=_PROMPT,
    )
    return buffer.getvalue()


def _draw(bench: Bench, tokens: Tensor) -> tuple[Pictures, Floats]:
    """A picture ``[H, W, 3]`` and its maps ``[S, L, h, w]`` of the largest size."""
    base = bench.base
    timesteps: list[int] = []
    by_torch = torch_denoiser(base)

    def denoise(latents: Tensor, timestep: int, conditioning: Tensor) -> Tensor:
        timesteps.append(timestep)
        return by_torch(latents, timestep, conditioning)

    told = identity_conditioning(base, _PROMPT, tokens)
    with AttentionMaps(base.unet, base.latent_shape[1:]) as recorded:
        picture = draw(base, denoise, [told], [seed_of(_PROMPT, 0)], bench.settings.sampling)[0]
    guided = next(iter(recorded.by_size().values()))[:, 1]  # row 0 has no prompt
    return picture, stage_means(guided, timesteps, STAGES).numpy()


def _token_texts(bench: Bench) -> list[str]:
    """The prompt's tokens; ``V*`` stands for the subject, a class noun being one token."""
    tokenizer = Tokenizer.from_str(bench.base.tokenizer_json)
    text = _PROMPT.format(bench.settings.class_noun)
    tokens = tokenizer.encode(text, add_special_tokens=False).tokens
    texts = [token.removesuffix("</w>") for token in tokens]
    before = tokenizer.encode(_PROMPT.partition("{}")[0], add_special_tokens=False)
    texts[len(before.ids)] = "V*"
    return texts
