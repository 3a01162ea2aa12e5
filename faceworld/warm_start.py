"""Goes on from a finished checkpoint: training of today begins where that of yesterday ended.

The finished checkpoint has half precision weights, and no map from looks to names; but it has the
embeddings of names whose looks are known, and the map is linear.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from faceworld.identity import FEATURES, sample_identity
from faceworld.model import FaceModel
from faceworld.vocabulary import NAMES_OF


def load_vae_weights(vae: Any, checkpoint: Path) -> None:
    """Gives the autoencoder the weights of the checkpoint's."""
    known: Any = AutoencoderKL.from_pretrained(checkpoint / "vae")  # type: ignore[no-untyped-call]
    vae.load_state_dict(known.state_dict())


def load_model_weights(model: FaceModel, tokenizer: CLIPTokenizer, checkpoint: Path) -> None:
    """Gives U-Net, text encoder and names the weights of the checkpoint's.

    Words are carried over by their spelling: the checkpoint's vocabulary may be another one.
    """
    unet: Any = UNet2DConditionModel.from_pretrained(checkpoint / "unet")  # type: ignore[no-untyped-call]
    model.unet.load_state_dict(unet.state_dict())
    text: Any = CLIPTextModel.from_pretrained(checkpoint / "text_encoder")
    known = CLIPTokenizer.from_pretrained(checkpoint / "tokenizer").get_vocab()
    table = "embeddings.token_embedding.weight"
    weights = text.state_dict()
    words = weights.pop(table)
    missing, unexpected = model.text.load_state_dict(weights, strict=False)
    if missing != [table] or unexpected:
        raise ValueError(f"{checkpoint} has another text encoder than the one to be trained")
    both = {entry: row for entry, row in tokenizer.get_vocab().items() if entry in known}
    with torch.no_grad():
        model.text.embeddings.token_embedding.weight[list(both.values())] = words[
            [known[entry] for entry in both]
        ]
        _fit_names(model, known, words)


def _fit_names(model: FaceModel, known: dict[str, int], words: torch.Tensor) -> None:
    """Least squares of the name embeddings on the looks; looks of unknown kinds keep their map."""
    looks, embeddings = [], []
    for category, names in NAMES_OF.items():
        for seed, name in enumerate(names):
            if f"{name}</w>" in known:
                looks.append(np.append(sample_identity(seed, category).features(), 1))
                embeddings.append(words[known[f"{name}</w>"]].float().numpy())
    design = np.stack(looks)
    fitted = np.linalg.lstsq(design, np.stack(embeddings), rcond=None)[0].astype(np.float32)
    seen = torch.from_numpy((design[:, :FEATURES] != 0).any(axis=0))
    model.names.weight[:, seen] = torch.from_numpy(fitted[:FEATURES]).T[:, seen]
    model.names.bias.copy_(torch.from_numpy(fitted[FEATURES]))
