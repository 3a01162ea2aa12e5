"""Where a base model's files lie, and the digest that names it."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from basemodel.configs import CONFIGS, BaseModelError, check_configs

WEIGHTS = (
    "text_encoder/model.safetensors",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/diffusion_pytorch_model.safetensors",
)
TOKENIZER = (
    "tokenizer/merges.txt",
    "tokenizer/special_tokens_map.json",
    "tokenizer/tokenizer.json",
    "tokenizer/tokenizer_config.json",
    "tokenizer/vocab.json",
)
WORDS = (("tokenizer/tokenizer.json",), ("tokenizer/vocab.json", "tokenizer/merges.txt"))
"""A tokenizer's words are in the one or in the other."""
SAFETY_CHECKER = (
    "feature_extractor/preprocessor_config.json",
    "safety_checker/config.json",
    "safety_checker/model.safetensors",
)
"""The judge of pictures that Stable Diffusion comes with; needed only by who asks for it."""
EXTRAS = "likeness.json"
"""What this project adds to the format, optional: words that the model knows for a class noun."""


def resolve(source: str | Path, also: Sequence[str] = ()) -> Path:
    """The local directory of a base model; a hub id is downloaded (or found in the hub's cache).

    Args:
        source: directory or hub id.
        also: files that are needed besides those of every base model.

    Raises:
        BaseModelError: neither a directory nor a hub id, a needed file is missing, or a config is
            of another kind of model; the message names file and field.
    """
    path = Path(source)
    if not path.is_dir():
        path = _download(str(source), also)
    missing = [name for name in (*WEIGHTS, *CONFIGS, *also) if not (path / name).is_file()]
    if missing:
        why = "it was asked for" if missing[0] in also else "a base model is a diffusers directory"
        raise BaseModelError(f"{source}: no {missing[0]}; {why}")
    # Without them transformers makes a tokenizer that knows no word.
    if not any(all((path / name).is_file() for name in files) for files in WORDS):
        either = ", nor ".join(" and ".join(files) for files in WORDS)
        raise BaseModelError(f"{source}: no {either}; a base model has a tokenizer")
    check_configs(path)
    return path


def _download(hub_id: str, also: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    try:
        wanted = [*WEIGHTS, *CONFIGS, *TOKENIZER, *also, EXTRAS, "model_index.json"]
        return Path(snapshot_download(hub_id, allow_patterns=wanted))
    except (HFValidationError, RepositoryNotFoundError) as error:
        raise BaseModelError(f"{hub_id} is neither a directory nor a hub id") from error
    except OSError as error:
        raise BaseModelError(f"{hub_id} can't be downloaded: {error}") from error


def source_digest(directory: Path, names: Sequence[str] = (*WEIGHTS, *CONFIGS, *TOKENIZER)) -> str:
    """``sha256:<hex>`` over names and bytes of files, by default those that define a base model.

    Which files there are besides, and in which order the file system lists them, has no effect.
    """
    total = hashlib.sha256()
    for name in sorted(names):
        if (directory / name).is_file():
            with (directory / name).open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            total.update(f"{name} {content}\n".encode())
    return "sha256:" + total.hexdigest()
