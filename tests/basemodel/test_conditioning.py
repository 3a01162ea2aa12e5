"""Text features and split cross-attention equal transformers' and diffusers' own."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import UNet2DConditionModel
from hypothesis import given
from hypothesis import strategies as st
from transformers import CLIPTextModel

from basemodel import (
    BaseModel,
    NoiseSchedule,
    prompt_embeddings,
    select_stage,
    stage_index,
    text_features,
    token_embeddings,
)
from identity import place_identities, stage_of


def test_text_features_are_those_of_clip(base: BaseModel, checkpoint: Path) -> None:
    ids = torch.from_numpy(base.tokenizer("a photo of person at the beach").token_ids)[None]
    own = CLIPTextModel.from_pretrained(checkpoint, subfolder="text_encoder")(ids)
    ours = text_features(base.text_encoder, token_embeddings(base.text_encoder, ids))
    torch.testing.assert_close(ours, own.last_hidden_state, atol=1e-6, rtol=1e-5)


def test_equal_features_for_keys_and_values_are_plain_attention(
    base: BaseModel, checkpoint: Path
) -> None:
    own = UNet2DConditionModel.from_pretrained(checkpoint, subfolder="unet")
    generator = torch.Generator().manual_seed(0)
    sample = torch.randn(3, *base.latent_shape, generator=generator)
    text = torch.randn(3, base.text_window, base.token_width, generator=generator)
    timesteps = torch.tensor([0, 500, 999])
    with torch.no_grad():
        expected = own(sample, timesteps, text).sample
        ours = base.unet(sample, timesteps, torch.cat([text, text], dim=-1)).sample
    torch.testing.assert_close(ours, expected, atol=1e-6, rtol=1e-5)


def test_keys_and_values_matter_apart(base: BaseModel) -> None:
    generator = torch.Generator().manual_seed(0)
    sample = torch.randn(1, *base.latent_shape, generator=generator)
    first, second = torch.randn(
        2, 1, base.text_window, base.token_width, generator=generator
    ).unbind()
    with torch.no_grad():
        outputs = [
            base.unet(sample, 500, torch.cat(pair, dim=-1)).sample
            for pair in ((first, first), (first, second), (second, first))
        ]
    assert not torch.allclose(outputs[0], outputs[1])
    assert not torch.allclose(outputs[0], outputs[2])


def test_prompt_embeddings_replace_one_position_per_stage_and_kind(base: BaseModel) -> None:
    prompt = base.tokenizer("a photo of <ann> smiling", bound=["ann"])
    words = token_embeddings(base.text_encoder, torch.from_numpy(prompt.token_ids))
    tokens = torch.randn(5, 2, base.token_width, generator=torch.Generator().manual_seed(0))
    positions = torch.full((5,), prompt.placeholders[0].position)
    ours = prompt_embeddings(base.text_encoder, words.expand(5, -1, -1), positions, tokens)
    placed = place_identities(words.numpy(), prompt.placeholders, {"ann": tokens.numpy()}, 5)
    for stage in range(5):
        features = text_features(base.text_encoder, torch.from_numpy(placed[stage]))
        torch.testing.assert_close(ours[stage], torch.cat([features[0], features[1]], dim=-1))


@given(st.integers(0, 999), st.integers(1, 10))
def test_stage_of_a_row_is_the_stage_of_its_timestep(timestep: int, stages: int) -> None:
    assert stage_index(torch.tensor([timestep]), stages).item() == stage_of(timestep, stages)


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32])
def test_rows_of_one_batch_take_different_stages(dtype: torch.dtype) -> None:
    timesteps = torch.tensor([999, 800, 799, 600, 200, 199, 0], dtype=dtype)
    per_stage = [torch.full((7, 2, 3), float(stage)) for stage in range(5)]
    chosen = select_stage(per_stage, timesteps)
    np.testing.assert_array_equal(chosen[:, 0, 0], [0, 0, 1, 1, 3, 4, 4])


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_target_recovers_the_latent(base: BaseModel, prediction: str) -> None:
    config = {**base.scheduler_config, "prediction_type": prediction}
    schedule = NoiseSchedule.from_config(config)
    generator = torch.Generator().manual_seed(0)
    latents, noise = torch.randn(2, 3, 4, 8, 8, generator=generator).unbind()
    timesteps = torch.tensor([10, 400, 900])
    noised = schedule.add_noise(latents, noise, timesteps)
    target = schedule.target(latents, noise, timesteps)
    signal, sigma = schedule.signal_and_noise(timesteps)
    recovered = (
        (noised - sigma * target) / signal
        if prediction == "epsilon"
        else signal * noised - sigma * target
    )
    torch.testing.assert_close(recovered, latents, atol=1e-4, rtol=1e-4)
