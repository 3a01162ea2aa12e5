"""Stable Diffusion 2.x: its text features and its U-Net are diffusers' own, and it says what it
predicts."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel

from basemodel import load, text_features, token_embeddings
from export.graphs import graphs
from identity import STAGES
from tests.support.random_checkpoint import write_random_checkpoint

CONFIGS = Path(__file__).parent / "configs"


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


@pytest.mark.parametrize(("name", "parameters"), [("sd15", 859_520_964), ("sd21", 865_910_724)])
def test_real_configs_give_the_real_number_of_parameters(name: str, parameters: int) -> None:
    config = json.loads((CONFIGS / name / "unet.json").read_text())
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(config)
    assert sum(each.numel() for each in unet.parameters()) == parameters
