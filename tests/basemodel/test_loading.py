"""A diffusers directory is loaded as it is, named by its digest, and anything else refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    StableDiffusionPipeline,
)
from safetensors.torch import load_file, save_file

from basemodel import BaseModel, BaseModelError, load, source_digest


def test_sizes_come_from_the_configs(base: BaseModel) -> None:
    assert (base.text_window, base.token_width) == (77, 32)
    assert (base.latent_shape, base.image_size) == ((4, 8, 8), (64, 64))
    assert base.scaling_factor == 0.18215
    assert base.initial_words == {"person": ("ada", "boris")}


@pytest.mark.parametrize(
    "kind", [DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler, PNDMScheduler]
)
def test_latents_are_not_clamped(checkpoint: Path, tmp_path: Path, kind: Any) -> None:
    """Whichever scheduler wrote the config: diffusers' pipeline corrects DDIM as well."""
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    kind().save_pretrained(copy / "scheduler")
    written = DDIMScheduler.from_pretrained(copy, subfolder="scheduler")
    assert written.config.clip_sample
    with pytest.warns(FutureWarning, match="clip_sample"):
        pipeline = StableDiffusionPipeline.from_pretrained(copy, scheduler=written)
    ours = DDIMScheduler.from_config(load(copy).scheduler_config)
    for field in ("clip_sample", "steps_offset"):
        assert ours.config[field] == pipeline.scheduler.config[field]


def test_everything_is_frozen(base: BaseModel) -> None:
    for part in (base.text_encoder, base.unet, base.vae):
        assert not part.training
        assert not any(parameter.requires_grad for parameter in part.parameters())


def test_digest_names_content_not_place(checkpoint: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint, copy)
    (copy / "README.md").write_text("other files have no effect")
    assert source_digest(copy) == source_digest(checkpoint)
    config = copy / "unet/config.json"
    config.write_text(config.read_text() + " ")
    assert source_digest(copy) != source_digest(checkpoint)


def test_a_directory_without_weights_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint, copy)
    (copy / "vae/diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(BaseModelError, match=r"vae/diffusion_pytorch_model\.safetensors"):
        load(copy)


def test_names_that_older_libraries_gave_the_tensors(checkpoint: Path, tmp_path: Path) -> None:
    old = shutil.copytree(checkpoint, tmp_path / "old")
    text_encoder = old / "text_encoder/model.safetensors"
    tensors = {f"text_model.{name}": each for name, each in load_file(text_encoder).items()}
    tensors["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    save_file(tensors, text_encoder, {"format": "pt"})
    vae = old / "vae/diffusion_pytorch_model.safetensors"
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    tensors = load_file(vae)
    for name in [name for name in tensors if ".mid_block.attentions." in name]:
        of, _, layer = name.partition(".attentions.0.")
        for new, before in names.items():
            layer = layer.replace(new, before)
        tensors[f"{of}.attentions.0.{layer}"] = tensors.pop(name)
    save_file(tensors, vae, {"format": "pt"})
    base, model = load(checkpoint), load(old)
    for part in ("text_encoder", "vae"):
        weights = getattr(base, part).state_dict()
        for name, found in getattr(model, part).state_dict().items():
            assert torch.equal(found, weights[name]), name


@pytest.mark.parametrize(("name", "tokens"), [("ada boris", 2), ("", 0)])
def test_a_known_name_is_one_token(
    checkpoint: Path, tmp_path: Path, name: str, tokens: int
) -> None:
    copy = shutil.copytree(checkpoint, tmp_path / "copy")
    (copy / "likeness.json").write_text(json.dumps({"initial_words": {"person": ["ada", name]}}))
    with pytest.raises(BaseModelError, match=f"initial_words: '{name}' must be one .* is {tokens}"):
        load(copy)


def test_neither_directory_nor_hub_id(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="neither a directory nor a hub id"):
        load(tmp_path / "no such directory")


def test_latents_and_images_have_the_stated_shapes(base: BaseModel) -> None:
    images = torch.zeros(2, 3, *base.image_size)
    latents = base.encode(images)
    assert latents.shape == (2, *base.latent_shape)
    assert base.decode(latents).shape == images.shape
