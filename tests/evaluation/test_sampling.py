"""Pictures equal diffusers' own, whatever draws them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, StableDiffusionPipeline

from basemodel import BaseModel
from basemodel.drawing import (
    SamplingSettings,
    draw,
    identity_conditioning,
    plain_conditioning,
    torch_denoiser,
)
from evaluation.denoiser import openvino_denoiser, write_openvino
from evaluation.seeds import seed_of

PROMPT = "a photo of person at the beach"
SCHEDULERS = {"ddim": DDIMScheduler, "dpm": DPMSolverMultistepScheduler}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_plain_pictures_are_those_of_diffusers(
    checkpoint: Path, base: BaseModel, scheduler: str
) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(checkpoint)
    pipeline.scheduler = SCHEDULERS[scheduler].from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(7)
    expected = pipeline(PROMPT, num_inference_steps=3, generator=generator, output_type="np").images
    settings = SamplingSettings(steps=3, scheduler=scheduler)
    ours = draw(base, torch_denoiser(base), [plain_conditioning(base, PROMPT)], [7], settings)
    np.testing.assert_allclose(ours / 255, expected, atol=1 / 255 + 1e-4)


def test_openvino_predicts_what_pytorch_does(base: BaseModel, tmp_path: Path) -> None:
    path = write_openvino(base, tmp_path / "engine")
    generator = torch.Generator().manual_seed(0)
    for rows, timestep in ((1, 981), (5, 20)):
        latents = torch.randn(rows, *base.latent_shape, generator=generator)
        shape = (rows, base.text_window, 2 * base.token_width)
        conditioning = torch.randn(*shape, generator=generator)
        torch.testing.assert_close(
            openvino_denoiser(path, threads=1)(latents, timestep, conditioning),
            torch_denoiser(base)(latents, timestep, conditioning),
            atol=1e-4,
            rtol=1e-3,
        )
    written = path.stat().st_mtime_ns
    assert write_openvino(base, tmp_path / "engine").stat().st_mtime_ns == written


def test_a_picture_does_not_depend_on_those_beside_it(base: BaseModel) -> None:
    told = [plain_conditioning(base, text) for text in (PROMPT, "a photo of person smiling")]
    settings = SamplingSettings(steps=2)
    both = draw(base, torch_denoiser(base), told, [3, 4], settings)
    alone = draw(base, torch_denoiser(base), told[1:], [4], settings)
    assert np.abs(both[1].astype(int) - alone[0]).max() <= 1


def test_an_identity_of_class_nouns_is_the_class_noun(base: BaseModel) -> None:
    noun = int(base.tokenizer("person").token_ids[1])
    embeddings = base.text_encoder.get_input_embeddings().weight
    tokens = embeddings[noun].detach().expand(5, 2, -1)
    conditioning = identity_conditioning(base, "a photo of {} holding a cup", tokens)
    plain = plain_conditioning(base, "a photo of person holding a cup")
    torch.testing.assert_close(conditioning, plain.expand(5, -1, -1), atol=1e-5, rtol=1e-4)


def test_seeds_differ_by_prompt_and_index_and_stay_what_they_are() -> None:
    seeds = {seed_of(prompt, index) for prompt in ("a", "b", "c") for index in range(4)}
    assert len(seeds) == 12
    assert seed_of("a photo of {}", 0) == 1608099438
