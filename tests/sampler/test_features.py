"""What a request may ask for: size, scheduler, initial picture, previews, guidance interval."""

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from PIL import Image

from sampler.preview import predicted_original, to_preview
from sampler.schedulers import SCHEDULERS
from tests.sampler.conftest import Studio, text

LEVELS = 1  # uint8 levels by which a picture may differ from diffusers' own


@pytest.fixture(scope="module")
def pipeline(exported_checkpoint: object) -> StableDiffusionPipeline:
    pipeline = StableDiffusionPipeline.from_pretrained(exported_checkpoint)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def apart(one: np.ndarray, other: object) -> int:
    return int(np.abs(one.astype(int) - np.asarray(other).astype(int)).max())


@pytest.mark.parametrize("name", sorted(SCHEDULERS))
async def test_each_scheduler_draws_what_diffusers_draws(
    studio: Studio, pipeline: StableDiffusionPipeline, name: str
) -> None:
    kind, options = SCHEDULERS[name]
    pipeline.scheduler = kind.from_config(pipeline.scheduler.config, **options)
    expected = pipeline(
        "a photo of a person",
        num_inference_steps=5,
        guidance_scale=2.0,
        height=64,
        width=128,
        generator=torch.Generator("cpu").manual_seed(3),
    ).images[0]
    size = np.array([64, 128], np.int32)
    request = studio.request(seeds=(3,), steps=5, guidance=2.0, scheduler=text(name), size=size)
    answer = await studio.draw(request)
    assert answer.pictures[0].shape == (64, 128, 3)
    assert apart(answer.pictures[0], expected) <= LEVELS


@pytest.mark.parametrize("name", sorted(SCHEDULERS))
async def test_starts_from_a_picture_as_diffusers_does(
    studio: Studio, pipeline: StableDiffusionPipeline, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, options = SCHEDULERS[name]
    painter = StableDiffusionImg2ImgPipeline(**pipeline.components, requires_safety_checker=False)
    painter.scheduler = kind.from_config(pipeline.scheduler.config, **options)
    painter.set_progress_bar_config(disable=True)
    start = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    # Diffusers draws a sample of the encoder's posterior; the sampler takes its mean.
    from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

    monkeypatch.setattr(DiagonalGaussianDistribution, "sample", lambda self, generator: self.mean)
    expected = painter(
        "a photo of a person",
        image=Image.fromarray(start),
        strength=0.5,
        num_inference_steps=6,
        guidance_scale=2.0,
        generator=torch.Generator("cpu").manual_seed(3),
    ).images[0]
    strength = np.array([0.5], np.float32)
    request = studio.request(
        seeds=(3,),
        steps=6,
        guidance=2.0,
        scheduler=text(name),
        init_image=start,
        init_strength=strength,
    )
    answer = await studio.draw(request)
    assert answer.progress_seen[-1] == (3, 3)  # half of the six steps
    assert apart(answer.pictures[0], expected) <= LEVELS


async def test_previews_come_every_so_many_steps_and_near_the_picture(studio: Studio) -> None:
    every = np.array([2], np.int32)
    answer = await studio.draw(studio.request(seeds=(1, 2), steps=6, preview_every=every))
    assert [(index, step) for index, step, _ in answer.previews] == [(0, 2), (1, 2), (0, 4), (1, 4)]
    shape = (studio.bundle.latent_height, studio.bundle.latent_width, 3)
    assert {pixels.shape for _, _, pixels in answer.previews} == {shape}


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction", "sample"])
def test_a_preview_shows_what_the_answer_implies(prediction_type: str) -> None:
    original, noise = np.random.default_rng(0).standard_normal((2, 4, 8, 8), np.float32)
    alpha_bar = 0.3
    signal, share = np.sqrt(alpha_bar), np.sqrt(1 - alpha_bar)
    sample = signal * original + share * noise
    answers = {
        "epsilon": noise,
        "v_prediction": signal * noise - share * original,
        "sample": original,
    }
    found = predicted_original(sample, answers[prediction_type], alpha_bar, prediction_type)
    np.testing.assert_allclose(found, original, atol=1e-5)


def test_a_preview_is_a_linear_map_of_the_latents() -> None:
    latent_rgb = np.array([[0.5, 0, 0], [0, 0.25, 0], [0, 0, 0.2]], np.float32)
    latents = np.array([[[1.0, -1.0]], [[2.0, 9.0]]], np.float32)
    np.testing.assert_array_equal(to_preview(latents, latent_rgb), [[[128, 128, 51], [0, 255, 51]]])


async def test_guidance_within_an_interval_takes_fewer_rows(studio: Studio) -> None:
    everywhere = await studio.draw(studio.request(steps=4))
    interval = np.array([600, 200], np.float32)
    studio.engine.rows["unet"].clear()
    within = await studio.draw(studio.request(steps=4, guidance_interval=interval))
    assert studio.engine.rows["unet"] == [1, 2, 2, 1]  # at timesteps 751, 501, 251, 1
    assert (within.pictures[0] != everywhere.pictures[0]).any()
    studio.engine.rows["unet"].clear()
    whole = np.array([1000, 0], np.float32)
    same = await studio.draw(studio.request(steps=4, guidance_interval=whole))
    np.testing.assert_array_equal(same.pictures[0], everywhere.pictures[0])
