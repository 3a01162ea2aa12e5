"""Attention maps of each token per stage, method by method (paper Fig. 3 and 13)."""

from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from PIL import Image

from evaluation.report.gallery import labels
from evaluation.report.inline import picture
from evaluation.report.results import Picture, Results

_TILE, _GAP = 64, 4  # pixels
_HIGH = 99.5  # percentile of a token's attention that is shown brightest
_FADE = 0.35  # how much of the picture shines through


def build(results: Results) -> dict[str, Any] | None:
    """One panel per person and method: stages from top to bottom, tokens from left to right."""
    people = []
    named = labels("" if results.suite is None else results.suite["settings"]["class_noun"])
    for path in sorted(results.root.glob("attention/*.npz")):
        with np.load(path) as kept:
            keys = kept["keys"].tolist() if "keys" in kept else []
            if not _current(results, dict(zip(kept["methods"].tolist(), keys, strict=False))):
                continue
            maps, pictures = kept["maps"].astype(np.float32), kept["pictures"]
            methods, tokens = kept["methods"].tolist(), kept["tokens"].tolist()
            prompt = str(kept["prompt"])
        scale = np.percentile(maps, _HIGH, axis=(0, 1, 3, 4), keepdims=True)
        shares = (maps / np.maximum(scale, 1e-6)).clip(0, 1)
        people.append(
            {
                "number": int(path.stem),
                "prompt": prompt.format("V*"),
                "tokens": tokens,
                "stages": maps.shape[1],
                "panels": [
                    {
                        "method": named.get(method, method),
                        "picture": picture(drawn),
                        "maps": picture(_panel(share, drawn)),
                    }
                    for method, drawn, share in zip(methods, pictures, shares, strict=True)
                ],
            }
        )
    return {"people": people} if people else None


def _current(results: Results, keys: dict[str, str]) -> bool:
    """Whether the methods, with their configs' keys, are what they are in the tables."""
    known = {} if results.suite is None else results.suite["methods"]
    same = (known[method]["key"] == key for method, key in keys.items() if method in known)
    return bool(keys) and all(same)


def _panel(shares: npt.NDArray[np.float32], drawn: Picture) -> Picture:
    """Maps ``[S, T, h, w]`` in [0, 1] over the picture, as one image of S lines."""
    grey = Image.fromarray(drawn).convert("L").resize((_TILE, _TILE))
    under = np.asarray(grey, np.float32)[..., None] / 255
    stages, tokens = shares.shape[:2]
    side = _TILE + _GAP
    panel = np.zeros((stages * side - _GAP, tokens * side - _GAP, 4), np.float32)
    heat = mpl.colormaps["inferno"]
    for stage in range(stages):
        for token in range(tokens):
            enlarged = Image.fromarray(shares[stage, token]).resize(
                (_TILE, _TILE), Image.Resampling.BICUBIC
            )
            tile = (1 - _FADE) * heat(np.asarray(enlarged))[..., :3] + _FADE * under
            top, left = stage * side, token * side
            panel[top : top + _TILE, left : left + _TILE, :3] = tile
            panel[top : top + _TILE, left : left + _TILE, 3] = 1  # gaps stay transparent
    return (panel.clip(0, 1) * 255).round().astype(np.uint8)
