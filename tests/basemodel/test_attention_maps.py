"""Maps are attention, of the right layers and stages, and recording them changes nothing."""

import pytest
import torch
from torch import Tensor

from basemodel import AttentionMaps, BaseModel, stage_means
from basemodel.attention import cross_attentions


def inputs(base: BaseModel) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    sample = torch.randn(2, *base.latent_shape, generator=generator)
    told = torch.randn(2, base.text_window, 2 * base.token_width, generator=generator)
    return sample, told


def predict(base: BaseModel, told: Tensor, timestep: int) -> Tensor:
    with torch.no_grad():
        return base.unet(inputs(base)[0], timestep, told).sample


def test_recording_leaves_the_output_unchanged(base: BaseModel) -> None:
    told = inputs(base)[1]
    expected = predict(base, told, 500)
    processors = [layer.processor for layer in cross_attentions(base.unet).values()]
    with AttentionMaps(base.unet, base.latent_shape[1:]):
        assert torch.equal(predict(base, told, 500), expected)
    assert [layer.processor for layer in cross_attentions(base.unet).values()] == processors


def test_maps_of_every_size_sum_to_one_over_the_tokens(base: BaseModel) -> None:
    told = inputs(base)[1]
    with AttentionMaps(base.unet, base.latent_shape[1:]) as recorded:
        for timestep in (999, 500, 1):
            predict(base, told, timestep)
    maps = recorded.by_size()
    assert list(maps) == [(8, 8), (4, 4), (2, 2), (1, 1)]
    for size, map_ in maps.items():
        assert map_.shape == (3, 2, base.text_window, *size)
        torch.testing.assert_close(map_.sum(dim=2), torch.ones(3, 2, *size))


def test_a_token_whose_key_stands_out_takes_the_attention(base: BaseModel) -> None:
    told = torch.zeros(2, base.text_window, 2 * base.token_width)
    with AttentionMaps(base.unet, base.latent_shape[1:]) as recorded:
        predict(base, told, 500)
    even = torch.full_like(recorded.by_size()[8, 8], 1 / base.text_window)
    torch.testing.assert_close(recorded.by_size()[8, 8], even)
    told[:, 7, : base.token_width] = 50
    with AttentionMaps(base.unet, base.latent_shape[1:]) as recorded:
        predict(base, told, 500)
    others = recorded.by_size()[8, 8][:, :, [0, 76]]
    torch.testing.assert_close(others[:, :, 0], others[:, :, 1])
    assert not torch.allclose(recorded.by_size()[8, 8][:, :, 7], others[:, :, 0])


def test_wide_latents_give_wide_maps(base: BaseModel) -> None:
    sample = torch.zeros(1, 4, 8, 16)
    told = inputs(base)[1][:1]
    with AttentionMaps(base.unet, (8, 16)) as recorded, torch.no_grad():
        base.unet(sample, 500, told)
    assert list(recorded.by_size()) == [(8, 16), (4, 8), (2, 4), (1, 2)]


def test_stage_means_take_the_passes_of_each_stage() -> None:
    maps = torch.tensor([1.0, 3, 5, 10, 20])
    timesteps = [999, 800, 600, 400, 0]
    assert stage_means(maps, timesteps, 2).tolist() == [3, 15]
    with pytest.raises(ValueError, match="stage 3"):
        stage_means(maps, timesteps, 5)
