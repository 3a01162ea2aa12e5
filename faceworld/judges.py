"""The face world's two judges: does a picture fit its text, and whose face is it?

They stand for CLIP score and face recognition, for pictures of this world only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional
from transformers import CLIPTokenizer

from faceworld.canvas import Pixels
from faceworld.captions import concepts_of
from faceworld.pixels import to_model_range
from faceworld.renderer import SIZE
from faceworld.tokenizer import as_ids
from faceworld.vocabulary import NAMES_OF

_BATCH = 64

Scores = npt.NDArray[np.float32]
Pictures = Pixels | Sequence[Image.Image] | Sequence[Pixels]


class PictureTower(nn.Module):
    """Pictures [N, 3, SIZE, SIZE] in [-1, 1] -> hidden [N, hidden] and unit vectors [N, width]."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, channels[0], 7, stride=4, padding=3)]
        for level, count in enumerate(channels):
            layers += [nn.GroupNorm(8, count), nn.SiLU(), nn.Conv2d(count, count, 3, padding=1)]
            if level + 1 < len(channels):
                layers += [nn.GroupNorm(8, count), nn.SiLU()]
                layers += [nn.Conv2d(count, channels[level + 1], 4, stride=2, padding=1)]
        self.layers = nn.Sequential(*layers, nn.GroupNorm(8, channels[-1]), nn.SiLU())
        side = SIZE >> (len(channels) + 1)
        self.hidden = channels[-1] * side * side
        self.out = nn.Linear(self.hidden, width)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.layers(pictures).flatten(1)
        return hidden, functional.normalize(self.out(hidden), dim=-1)


class IdentityJudge(nn.Module):
    """Whose face it is, apart from everything that passes; and whether there is a face."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.tower = PictureTower(channels, width)
        self.face = nn.Linear(self.tower.hidden, 1)

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """([N, width] unit vectors, [N] logits that a face is there)."""
        hidden, embedding = self.tower(pictures)
        return embedding, self.face(hidden).squeeze(-1)


class ClipJudge(nn.Module):
    """A picture tower and a text tower into one space."""

    def __init__(
        self, channels: Sequence[int], width: int, vocabulary: int, length: int, text_width: int
    ) -> None:
        super().__init__()
        self.tower = PictureTower(channels, width)
        self.words = nn.Embedding(vocabulary, text_width)
        self.places = nn.Parameter(torch.randn(length, text_width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            text_width, 4, 2 * text_width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.text = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(text_width, width)
        self.log_scale = nn.Parameter(torch.tensor(2.3))

    def pictures(self, pictures: torch.Tensor) -> torch.Tensor:
        """[N, width] unit vectors of pictures [N, 3, SIZE, SIZE]."""
        embedding: torch.Tensor = self.tower(pictures)[1]
        return embedding

    def texts(self, ids: torch.Tensor) -> torch.Tensor:
        """[N, width] unit vectors of token ids [N, length]."""
        hidden = self.text(self.words(ids) + self.places)
        return functional.normalize(self.out(hidden.mean(dim=1)), dim=-1)


_NOUN_OF = {name: noun for noun, names in NAMES_OF.items() for name in names}


def nameless(text: str) -> str:
    """The text with the class noun for every name the checkpoint knows."""
    return " ".join(_NOUN_OF.get(word, word) for word in text.split())


#: Where the heads of two people are in a picture: (left, top, right, bottom) in pixels.
_FACE_BOXES = ((2, 13, 36, 47), (28, 13, 62, 47))


def face_crops(pictures: Pixels) -> Pixels:
    """Left and right face of pictures of two people [N, SIZE, SIZE, 3], enlarged to the size of a
    close-up: uint8 [N, 2, SIZE, SIZE, 3]."""
    crops = [
        np.asarray(Image.fromarray(picture).resize((SIZE, SIZE), Image.Resampling.BILINEAR, box))
        for picture in pictures
        for box in _FACE_BOXES
    ]
    faces: Pixels = np.stack(crops).reshape(len(pictures), 2, SIZE, SIZE, 3)
    return faces


def as_pictures(pictures: Pictures) -> Pixels:
    """Anything picture-like -> uint8 [N, SIZE, SIZE, 3]."""
    if isinstance(pictures, np.ndarray) and pictures.shape[1:] == (SIZE, SIZE, 3):
        return pictures
    images = [p if isinstance(p, Image.Image) else Image.fromarray(p) for p in pictures]
    resized = [image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BOX) for image in images]
    return np.stack([np.asarray(image) for image in resized])


class Judges:
    """Both judges, loaded and ready. Pictures are uint8 [N, 64, 64, 3] or PIL images."""

    def __init__(
        self,
        identity: IdentityJudge,
        clip: ClipJudge,
        tokenizer: CLIPTokenizer,
        thresholds: dict[str, float],
    ) -> None:
        self.identity, self.clip = identity.eval(), clip.eval()
        self.tokenizer, self.thresholds = tokenizer, thresholds

    @classmethod
    def load(cls, folder: str | Path) -> Judges:
        """Reads what `save` wrote."""
        folder = Path(folder)
        config = json.loads((folder / "config.json").read_text())
        tower = (config["channels"], config["width"])
        identity = IdentityJudge(*tower)
        clip = ClipJudge(*tower, config["vocabulary"], config["length"], config["text_width"])
        for name, model in (("identity", identity), ("clip", clip)):
            weights = load_file(folder / f"{name}.safetensors")
            model.load_state_dict({key: value.float() for key, value in weights.items()})
        tokenizer = CLIPTokenizer.from_pretrained(folder)
        return cls(identity, clip, tokenizer, config["thresholds"])

    def save(self, folder: str | Path) -> None:
        """Writes weights (half precision), configuration and tokenizer."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, model in (("identity", self.identity), ("clip", self.clip)):
            weights = {key: value.half() for key, value in model.state_dict().items()}
            save_file(weights, folder / f"{name}.safetensors")
        convolutions = [m for m in self.clip.tower.layers if isinstance(m, nn.Conv2d)]
        config = {
            "channels": [m.out_channels for m in convolutions if m.kernel_size == (3, 3)],
            "width": self.clip.out.out_features,
            "vocabulary": self.clip.words.num_embeddings,
            "length": len(self.clip.places),
            "text_width": self.clip.words.embedding_dim,
            "thresholds": self.thresholds,
        }
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        self.tokenizer.save_pretrained(folder)

    def clip_score(self, images: Pictures, texts: Sequence[str]) -> Scores:
        """[N] cosine of each picture with its text; names count as the class noun."""
        ids = as_ids(self.tokenizer, [nameless(text) for text in texts])
        with torch.no_grad():
            seen = _in_batches(self.clip.pictures, to_model_range(as_pictures(images)))
            return (seen * self.clip.texts(ids)).sum(dim=-1).numpy()

    def threshold(self, text: str) -> float:
        """The score from which a picture fits the text: the mean of its concepts' thresholds."""
        return float(np.mean([self.thresholds[concept] for concept in concepts_of(text)]))

    def passes(self, images: Pictures, texts: Sequence[str]) -> npt.NDArray[np.bool_]:
        """[N] whether each picture shows what its text asks for."""
        needed = np.array([self.threshold(text) for text in texts])
        return self.clip_score(images, texts) >= needed

    def identity_embedding(self, images: Pictures) -> Scores:
        """[N, 64] unit vectors; their cosine tells whether two faces are one person's."""
        with torch.no_grad():
            pictures = to_model_range(as_pictures(images))
            return _in_batches(lambda some: self.identity(some)[0], pictures).numpy()

    def face_detected(self, images: Pictures) -> npt.NDArray[np.bool_]:
        """[N] whether a face is there."""
        with torch.no_grad():
            pictures = to_model_range(as_pictures(images))
            return (_in_batches(lambda some: self.identity(some)[1], pictures) > 0).numpy()

    def pair_embeddings(self, images: Pictures) -> Scores:
        """[N, 2, 64] unit vectors of the left and the right face in pictures of two people."""
        crops = face_crops(as_pictures(images))
        return self.identity_embedding(crops.reshape(-1, *crops.shape[2:])).reshape(
            len(crops), 2, -1
        )

    def pair_detected(self, images: Pictures) -> npt.NDArray[np.bool_]:
        """[N, 2] whether a face is there, at the left and at the right."""
        crops = face_crops(as_pictures(images))
        return self.face_detected(crops.reshape(-1, *crops.shape[2:])).reshape(len(crops), 2)


def _in_batches(
    function: Callable[[torch.Tensor], torch.Tensor], pictures: torch.Tensor
) -> torch.Tensor:
    return torch.cat([function(some) for some in torch.split(pictures, _BATCH)])
