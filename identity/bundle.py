"""The serving bundle: what export leaves behind and gateway and sampler read.

::

    bundle/
      bundle.json            this description
      export.json            what it was made with, and how long each phase took
      tokenizer.json         the base model's tokenizer
      token_embeddings.npy   [vocabulary, D] float32
      latent_rgb.npy         [C + 1, 3] float32: previews, ``[z, 1] @ it`` is about RGB in [0, 1]
      scheduler.json         the base model's scheduler config, as diffusers writes it
      models/                Triton's model repository: text_encoder, unet, vae_decoder,
                             vae_encoder, sampler; safety_checker if asked for
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from identity.prompt import PromptTokenizer

FORMAT = "likeness.bundle/2"


def picture_rows(max_rows: int) -> int:
    """Most pictures in one call of the VAE, which needs far more memory a picture than the U-Net,
    and of the safety checker, which sees what was decoded.
    """
    return min(max_rows, 4)


def prompt_rows(max_rows: int, stages: int) -> int:
    """Most rows in one call of the text encoder: all of a prompt's, which are the keys and the
    values of each stage and the plain one, and as many as the U-Net takes.
    """
    return max(max_rows, 2 * stages + 1)


@dataclass(frozen=True)
class CheckerInput:
    """How a picture is prepared for the safety checker, as CLIP's feature extractor does it.

    Attributes:
        shortest_edge: of the picture when it has been scaled, in pixels.
        side: of the square that is cut from its middle then.
        resample: the filter, as Pillow numbers it; 3 is bicubic.
        mean, std: of each colour, which is in [0, 1] before.
    """

    shortest_edge: int
    side: int
    resample: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


class BundleError(ValueError):
    """The directory is not a serving bundle that this version reads."""


@dataclass(frozen=True)
class ServingBundle:
    """Description of a serving bundle, ``bundle.json``.

    Attributes:
        base_model_digest: ``sha256:<hex>``; identities of another base model are refused.
        engine: what runs the models, such as ``openvino`` or ``tensorrt``.
        stages: number of prompt-embedding inputs S of the U-Net.
        text_window: tokens of a prompt L, begin and end included.
        token_width: text width D.
        latent_channels, latent_height, latent_width: shape of a latent of the base model's size.
        image_height, image_width: the base model's own size of a picture in pixels.
        min_image_size, max_image_size: range of a picture's height and width in pixels.
        image_size_multiple: height and width are multiples of it.
        scaling_factor: latents are divided by it before the VAE decoder.
        max_rows: rows that the U-Net takes in one call, guidance rows included.
        begin_token, end_token, padding_token: CLIP's special tokens.
        safety_checker: what the model ``safety_checker`` takes, which judges every picture; None:
            there is none, and no picture is judged.
    """

    base_model_digest: str
    engine: str
    stages: int
    text_window: int
    token_width: int
    latent_channels: int
    latent_height: int
    latent_width: int
    image_height: int
    image_width: int
    min_image_size: int
    max_image_size: int
    image_size_multiple: int
    scaling_factor: float
    max_rows: int
    begin_token: int
    end_token: int
    padding_token: int
    safety_checker: CheckerInput | None = None
    format: str = FORMAT

    def save(self, directory: Path) -> None:
        """Writes ``bundle.json``."""
        fields = asdict(self)
        if self.safety_checker is None:
            del fields["safety_checker"]  # packages that know of none refuse the field
        (directory / "bundle.json").write_text(json.dumps(fields, indent=2) + "\n")

    @classmethod
    def load(cls, directory: Path) -> "ServingBundle":
        """Reads ``bundle.json``. Raises :class:`BundleError`."""
        try:
            fields = json.loads((directory / "bundle.json").read_text())
            if fields.get("format") != FORMAT:
                raise BundleError(f"format must be {FORMAT}, got {fields.get('format')}")
            checker = fields.pop("safety_checker", None)
            return cls(**fields, safety_checker=checker and CheckerInput(**checker))
        except (OSError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise BundleError(f"no serving bundle at {directory}: {error}") from error

    def tokenizer(self, directory: Path) -> PromptTokenizer:
        """The bundle's tokenizer."""
        return PromptTokenizer.from_file(
            directory / "tokenizer.json",
            self.text_window,
            self.begin_token,
            self.end_token,
            self.padding_token,
        )
