"""The embedded checkpoint on every engine: the same pictures, and engines for GPUs compiled."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline

from export.check import check_engines
from export.manifest import EngineManifest
from export.runtimes import Runtime, load
from export.target import Target
from export.tensorrt_library import library
from faceworld.judges import Judges
from identity import STAGES, ServingBundle

CHECKPOINT = os.environ.get("LIKENESS_BASE_MODEL", "faceworld/checkpoint")
PROMPTS = ["a photo of the face of a person", "a man with a blue hat", "an old woman on a beach"]
STEPS = 20
GUIDANCE = 7.5
LEVELS = 1  # uint8 levels by which engines may differ
HALF_LEVELS = 2  # with the U-Net in float16
SCORES = 5e-3  # by which the judges' cosines may

Pixels = npt.NDArray[np.uint8]


def by_diffusers(prompts: list[str]) -> Pixels:
    pipeline = StableDiffusionPipeline.from_pretrained(CHECKPOINT)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return np.stack(
        [
            np.asarray(
                pipeline(
                    prompt,
                    num_inference_steps=STEPS,
                    guidance_scale=GUIDANCE,
                    generator=torch.Generator("cpu").manual_seed(seed),
                ).images[0]
            )
            for seed, prompt in enumerate(prompts)
        ]
    )


@pytest.fixture(scope="module")
def expected() -> Pixels:
    return by_diffusers(PROMPTS)


def by_engine(directory: Path, engine: str, prompts: list[str], **others: Path) -> Pixels:
    """The method's loop in its plainest form, all prompts in one batch.

    ``others``: where models are that are not the bundle's own.
    """
    bundle = ServingBundle.load(directory)
    tokenize = bundle.tokenizer(directory)
    models: dict[str, Runtime] = {
        name: load(engine, others.get(name, directory / "models" / name / "1"), threads=1)
        for name in ("text_encoder", "unet", "vae_decoder")
    }
    ids = np.stack([tokenize(prompt).token_ids for prompt in [""] * len(prompts) + prompts])
    words = np.load(directory / "token_embeddings.npy")[ids]
    features = models["text_encoder"]({"embeddings": words})
    both = np.concatenate([features, features], axis=-1)
    conditioning = {f"prompt_embeds_{stage}": both for stage in range(STAGES)}
    scheduler = DDIMScheduler.from_config(json.loads((directory / "scheduler.json").read_text()))
    scheduler.set_timesteps(STEPS)
    shape = (1, bundle.latent_channels, bundle.latent_height, bundle.latent_width)
    latents = torch.cat(
        [
            torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed))
            for seed in range(len(prompts))
        ]
    )
    for timestep in scheduler.timesteps:
        noise = models["unet"](
            {
                "sample": torch.cat([latents, latents]).numpy(),
                "timestep": np.full(2 * len(prompts), float(timestep), np.float32),
                **conditioning,
            }
        )
        plain, prompted = torch.from_numpy(noise).chunk(2)
        guided = plain + GUIDANCE * (prompted - plain)
        latents = scheduler.step(guided, timestep, latents).prev_sample
    images = models["vae_decoder"]({"latents": (latents / bundle.scaling_factor).numpy()})
    pixels = np.clip(images / 2 + 0.5, 0, 1).transpose(0, 2, 3, 1)
    return np.asarray((pixels * 255).round(), np.uint8)


def assert_alike(name: str, drawn: Pixels, expected: Pixels, most_levels: int) -> None:
    judges = Judges.load(Path(CHECKPOINT) / "judges")
    levels = np.abs(drawn.astype(int) - expected.astype(int)).max()
    prompt = np.abs(judges.clip_score(drawn, PROMPTS) - judges.clip_score(expected, PROMPTS))
    faces = judges.identity_embedding(drawn) * judges.identity_embedding(expected)
    print(f"{name}: {levels} levels, CLIP {prompt.max():.1e}, ID {faces.sum(1).min():.6f}")
    assert levels <= most_levels
    assert prompt.max() <= SCORES
    assert faces.sum(1).min() >= 1 - SCORES


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_engines_draw_what_diffusers_draws(
    export_embedded: Callable[[str], Path], expected: Pixels, engine: str
) -> None:
    drawn = by_engine(export_embedded(engine), engine, PROMPTS)
    assert_alike(engine, drawn, expected, LEVELS)


def test_compiles_for_gpus(export_embedded: Callable[[str], Path]) -> None:
    out = export_embedded("tensorrt-rtx")
    assert check_engines(out, library(Target.TENSORRT_RTX).version, "8.9") == 4
    engines = (out / "models").glob("*/1/*.plan")
    precisions = {each.graph: each.precision for each in map(EngineManifest.load, engines)}
    assert precisions == {
        "text_encoder": "fp32",
        "unet": "fp16",
        "vae_decoder": "fp32",
        "vae_encoder": "fp32",
    }


def test_what_gpus_compile_draws_what_diffusers_draws(
    export_embedded: Callable[[str], Path], expected: Pixels, shared: Path
) -> None:
    """Engines for GPUs don't run here, the half precision graph that they are made from does."""
    export_embedded("tensorrt-rtx")
    half = shared / "embedded/onnx-fp16/unet"
    drawn = by_engine(export_embedded("onnxruntime"), "onnxruntime", PROMPTS, unet=half)
    assert_alike("float16", drawn, expected, HALF_LEVELS)
