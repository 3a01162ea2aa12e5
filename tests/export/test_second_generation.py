"""Stable Diffusion 2.x: its text features and its U-Net are diffusers' own, and it says what it
predicts."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel

from basemodel import load, text_features, token_embeddings
from export.build import describe, write_tables
from export.graphs import Graph, graphs
from export.runtimes import Array, Runtime
from export.sizes import PictureSizes
from identity import STAGES
from sampler.settings import SamplerSettings
from tests.sampler.conftest import Studio
from tests.support.random_checkpoint import write_random_checkpoint

CONFIGS = Path(__file__).parent / "configs"
LEVELS = 1  # uint8 levels by which a picture may differ from diffusers' own


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_random_checkpoint(tmp_path_factory.mktemp("second") / "checkpoint", generation=2)


def test_text_features_are_transformers_own(checkpoint: Path) -> None:
    text_encoder = load(checkpoint).text_encoder
    ids = torch.randint(0, text_encoder.config.vocab_size, (2, 77))
    expected = text_encoder(ids).last_hidden_state
    actual = text_features(text_encoder, token_embeddings(text_encoder, ids))
    assert torch.allclose(actual, expected, atol=1e-5)


def test_unet_of_equal_keys_and_values_is_diffusers_own(checkpoint: Path) -> None:
    unet = next(graph for graph in graphs(load(checkpoint), STAGES) if graph.name == "unet")
    plain = UNet2DConditionModel.from_pretrained(checkpoint, subfolder="unet")
    sample = torch.randn(2, *unet.inputs["sample"].shape[1:])
    timestep = torch.tensor([199.0, 800.0])
    features = torch.randn(2, 77, 32)
    both = torch.cat([features, features], dim=-1)
    with torch.no_grad():
        expected = plain(sample, timestep, features).sample
        actual = unet.module(sample, timestep, *[both] * STAGES)
    assert (actual - expected).abs().max() <= 1e-4 * expected.abs().max()


def test_predicts_velocity(checkpoint: Path) -> None:
    assert load(checkpoint).schedule.prediction == "v_prediction"


def in_pytorch(graph: Graph) -> Runtime:
    """A graph as it is before its export."""

    def run(inputs: Mapping[str, Array]) -> Array:
        with torch.no_grad():
            answer = graph.module(*(torch.from_numpy(inputs[name]) for name in graph.inputs))
        return np.asarray(answer)

    return run


async def test_draws_what_diffusers_draws(tmp_path: Path) -> None:
    """The sampler's loop reads from the bundle that it is a velocity that the U-Net predicts."""
    checkpoint = write_random_checkpoint(tmp_path / "checkpoint", generation=2, levels=1)
    base_model = load(checkpoint)
    describe(base_model, "openvino", 8, PictureSizes.of(base_model)).save(tmp_path)
    write_tables(base_model, tmp_path)
    np.save(tmp_path / "latent_rgb.npy", np.zeros((5, 3), np.float32))  # no previews
    runtimes = {graph.name: in_pytorch(graph) for graph in graphs(base_model, STAGES)}
    studio = Studio(tmp_path, runtimes, SamplerSettings())
    try:
        answer = await studio.draw(studio.request(seeds=(3,), steps=5, guidance=2.0))
    finally:
        studio.sampler.stop()
    pipeline = StableDiffusionPipeline.from_pretrained(checkpoint)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        "a photo of a person",
        num_inference_steps=5,
        guidance_scale=2.0,
        generator=torch.Generator("cpu").manual_seed(3),
    ).images[0]
    difference = np.abs(answer.pictures[0].astype(int) - np.asarray(expected).astype(int))
    assert difference.max() <= LEVELS


@pytest.mark.parametrize(("name", "parameters"), [("sd15", 859_520_964), ("sd21", 865_910_724)])
def test_real_configs_give_the_real_number_of_parameters(name: str, parameters: int) -> None:
    config = json.loads((CONFIGS / name / "unet.json").read_text())
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(config)
    assert sum(each.numel() for each in unet.parameters()) == parameters
