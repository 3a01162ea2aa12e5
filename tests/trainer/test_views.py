"""Views show the source images, all of them equally often, and nothing beside them counts."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from basemodel import BaseModel
from trainer.config import TrainingConfig
from trainer.errors import InputError
from trainer.views import augment, jittered, make_views

CONFIG = TrainingConfig(views=3)
STILL = replace(CONFIG, jitter=0.0, flip=0.0, smallest_scale=1.0)


def picture(base: BaseModel, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*base.image_size, 3), np.uint8)


def test_the_images_themselves_come_first(base: BaseModel) -> None:
    images = [picture(base, seed) for seed in (0, 1)]
    views = make_views(base, images, CONFIG, 0)
    alone = [make_views(base, [image], replace(CONFIG, views=1), 0) for image in images]
    torch.testing.assert_close(views.latents[:2], torch.cat([one.latents for one in alone]))
    assert views.latents.shape == (3, *base.latent_shape)
    assert views.masks[:2].min() == 1


def test_images_share_the_views(base: BaseModel) -> None:
    images = [picture(base, seed) for seed in (0, 1, 2)]
    views = make_views(base, images, replace(STILL, views=7), 0)
    shown = [
        next(n for n in range(3) if torch.allclose(latent, views.latents[n], atol=1e-4))
        for latent in views.latents
    ]
    assert shown == [0, 1, 2, 0, 1, 2, 0]


def test_every_image_needs_a_view(base: BaseModel) -> None:
    with pytest.raises(InputError, match="views: must be at least the 4 images, got 3"):
        make_views(base, [picture(base)] * 4, CONFIG, 0)


@given(st.floats(0.01, 1), st.integers(1, 6), st.integers(0, 2**31))
def test_a_view_is_as_large_as_the_image_whatever_its_scale(
    smallest: float, size: int, seed: int
) -> None:
    image = np.full((8 * size, 8 * size, 3), 200, np.uint8)
    config = replace(CONFIG, smallest_scale=smallest, jitter=0.0)
    view, mask = augment(image, config, 8, np.random.default_rng(seed))
    assert (view == 200).all()
    assert (view.shape, mask.shape) == (image.shape, (size, size))


def test_masks_leave_out_what_is_not_the_image(base: BaseModel) -> None:
    image = picture(base)
    rng = np.random.default_rng(0)
    config = replace(CONFIG, smallest_scale=0.6)
    shares = [augment(image, config, 8, rng)[1].mean() for _ in range(50)]
    assert 0.2 < min(shares) < max(shares) <= 1


def test_no_jitter_leaves_the_picture(base: BaseModel) -> None:
    image = picture(base)
    np.testing.assert_array_equal(jittered(image, np.zeros(3)), image)
    brighter = jittered(image, np.array([0.1, 0, 0]))
    assert brighter.mean() > image.mean()
