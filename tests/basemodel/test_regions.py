"""Regions of several identities: shares of pixels, and what they leave as it is."""

import pytest
import torch
from torch import Tensor

from basemodel import BaseModel, prompt_embeddings, token_embeddings
from basemodel.attention import cross_attentions
from basemodel.regions import region_weights, regional_embeddings, regional_unet


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def latents(base: BaseModel) -> Tensor:
    return random(2, *base.latent_shape)


TIMESTEPS = torch.tensor([900, 100])


def test_at_every_pixel_the_shares_sum_to_one() -> None:
    weights = region_weights(random(2, 3, 48).softmax(dim=-1), (6, 8))
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(2, 48))


def test_an_identity_acts_where_its_placeholder_is_attended_to() -> None:
    left = torch.linspace(1, 0, 8).expand(8, 8).flatten()
    # How much attention a placeholder draws in all has no say.
    weights = region_weights(torch.stack([left, 0.01 * left.flip(0)])[None], (8, 8))
    first, second = weights[0].view(2, 8, 8)
    assert (first[:, 0] > 0.99).all()
    assert (second[:, -1] > 0.99).all()
    torch.testing.assert_close(first, second.flip(-1))


def test_maps_without_any_difference_share_alike() -> None:
    torch.testing.assert_close(
        region_weights(torch.full((1, 2, 16), 0.2), (4, 4)), torch.full((1, 2, 16), 0.5)
    )


@pytest.mark.parametrize("regions", [1, 2, 3])
def test_regions_of_one_prompt_are_plain_cross_attention(
    base: BaseModel, latents: Tensor, regions: int
) -> None:
    conditioning = random(2, base.text_window, 2 * base.token_width, seed=1)
    positions = torch.arange(2 * regions).view(2, regions)
    with torch.no_grad():
        plain = base.unet(latents, TIMESTEPS, conditioning).sample
        with regional_unet(base.unet, base.latent_shape[1:]) as unet:
            ours = unet(latents, TIMESTEPS, conditioning.repeat(1, regions, 1), positions)
        again = base.unet(latents, TIMESTEPS, conditioning).sample
    torch.testing.assert_close(ours, plain, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(again, plain, atol=0, rtol=0)


def test_a_row_does_not_depend_on_the_others(base: BaseModel, latents: Tensor) -> None:
    conditioning = random(2, 2 * base.text_window, 2 * base.token_width, seed=1)
    positions = torch.tensor([[4, 7], [5, 9]])
    with torch.no_grad(), regional_unet(base.unet, base.latent_shape[1:]) as unet:
        together = unet(latents, TIMESTEPS, conditioning, positions)
        alone = [
            unet(*(part[row : row + 1] for part in (latents, TIMESTEPS, conditioning, positions)))
            for row in range(2)
        ]
        elsewhere = unet(latents, TIMESTEPS, conditioning, positions.flip(1))
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-4)
    assert not torch.allclose(together, elsewhere)


def test_in_each_region_the_class_noun_stands_for_the_others(base: BaseModel) -> None:
    noun = int(base.tokenizer("person").token_ids[1])
    prompt = base.tokenizer("a photo of <ann> and <bob>", ["ann", "bob"])
    words = token_embeddings(base.text_encoder, torch.from_numpy(prompt.token_ids))
    embedded = token_embeddings(base.text_encoder, torch.tensor(noun))
    positions = torch.tensor([placeholder.position for placeholder in prompt.placeholders])
    tokens = random(2, 5, 2, base.token_width)
    ours = regional_embeddings(base.text_encoder, words, positions, tokens, embedded)
    for region, text in enumerate(("a photo of <v> and person", "a photo of person and <v>")):
        alone = base.tokenizer(text, ["v"])
        expected = prompt_embeddings(
            base.text_encoder,
            token_embeddings(base.text_encoder, torch.from_numpy(alone.token_ids)).expand(
                5, -1, -1
            ),
            torch.full((5,), alone.placeholders[0].position),
            tokens[region],
        )
        part = ours.unflatten(1, (2, -1))[:, region]
        torch.testing.assert_close(part, expected, atol=1e-5, rtol=1e-4)


def test_layers_get_their_processors_back(base: BaseModel) -> None:
    before = [layer.processor for layer in cross_attentions(base.unet).values()]
    with regional_unet(base.unet, base.latent_shape[1:]):
        pass
    assert [layer.processor for layer in cross_attentions(base.unet).values()] == before
