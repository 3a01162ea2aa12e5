"""The attention loss is Eq. 4 over exactly the layers, tokens and prompts that were asked for."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from basemodel import BaseModel, SplitCrossAttention, install_cross_attention
from basemodel.attention import cross_attentions, map_heights, split_heads
from trainer.attention_loss import AttentionLoss
from trainer.config import TrainingConfig
from trainer.errors import InputError
from trainer.prompts import TrainingPrompts, training_prompts

TEMPLATES = ("a photo of the face of {}", "{} at the beach", "a photo of {} holding a cup")
OPTIONS = ("none", "identity", "prompt", "all")
CONFIG = TrainingConfig(prompts=TEMPLATES)
PROMPT_OF_ROW = torch.tensor([2, 0, 1, 0])


class Recorder(SplitCrossAttention):
    """Plain split attention that remembers queries and keys."""

    def __init__(self) -> None:
        self.seen: dict[Any, tuple[torch.Tensor, torch.Tensor]] = {}

    def attend(self, attn: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> Any:
        self.seen[attn] = query, key
        return super().attend(attn, query, key, value)


def noised(base: BaseModel) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    rows = len(PROMPT_OF_ROW)
    return torch.randn(rows, *base.latent_shape, generator=generator), torch.arange(rows) * 250


def features(base: BaseModel) -> torch.Tensor:
    """Text features ``[B, L, 2D]`` that are no prompt's own."""
    generator = torch.Generator().manual_seed(1)
    shape = (len(PROMPT_OF_ROW), base.text_window, 2 * base.token_width)
    return torch.randn(shape, generator=generator)


def measured(base: BaseModel, config: TrainingConfig, told: torch.Tensor) -> torch.Tensor:
    prompts = training_prompts(base, config, ["person"])
    with AttentionLoss(base, prompts, config) as loss:
        loss.begin(PROMPT_OF_ROW)
        base.unet(*noised(base), told)
        return loss.per_row()


def expected(base: BaseModel, config: TrainingConfig, prompts: TrainingPrompts) -> torch.Tensor:
    """Eq. 4 from the queries and keys of a plain pass."""
    recorder, told = Recorder(), features(base)
    install_cross_attention(base.unet, recorder)
    with torch.no_grad():
        base.unet(*noised(base), told)
    install_cross_attention(base.unet, SplitCrossAttention())
    total = []
    heights = map_heights(base.unet, base.latent_shape[1])
    for name, layer in cross_attentions(base.unet).items():
        query, key = recorder.seen[layer]
        assert query.shape[2] == heights[name] ** 2
        if config.attention_layers is not None and heights[name] not in config.attention_layers:
            continue
        reference = split_heads(layer, layer.to_k(prompts.reference[PROMPT_OF_ROW]))
        scale = query.shape[-1] ** 0.5
        target_map, reference_map = (
            torch.einsum("bhpd,bhld->bhpl", query, keys).div(scale).softmax(dim=-1)
            for keys in (key, reference)
        )
        difference = (target_map - reference_map).abs().mean(dim=(1, 2))
        if config.attention_norm == "squared":
            difference = (target_map - reference_map).pow(2).mean(dim=(1, 2))
        mask = prompts.regularised[PROMPT_OF_ROW]
        rows = zip(difference, mask, strict=True)
        reduce = torch.mean if config.attention_reduction == "mean" else torch.sum
        total.append(torch.stack([reduce(row[chosen]) for row, chosen in rows]))
    return torch.stack(total).mean(dim=0)


@pytest.mark.parametrize(
    "changes",
    [
        {"attention_loss": "identity"},
        {"attention_loss": "prompt"},
        {"attention_loss": "all"},
        {"attention_reduction": "sum"},
        {"attention_norm": "absolute"},
        {"attention_layers": (8,)},
        {"attention_layers": (1, 4), "attention_loss": "prompt", "attention_reduction": "sum"},
    ],
)
def test_it_is_equation_4(base: BaseModel, changes: dict[str, Any]) -> None:
    config = replace(CONFIG, **changes)
    with torch.no_grad():
        loss = measured(base, config, features(base))
    reference = expected(base, config, training_prompts(base, config, ["person"]))
    assert reference.min() > 0
    torch.testing.assert_close(loss, reference, rtol=1e-3, atol=1e-12)


def test_it_is_zero_for_the_class_noun_itself_and_leaves_the_prediction(base: BaseModel) -> None:
    prompts = training_prompts(base, CONFIG, ["person"])
    told = torch.cat([prompts.reference[PROMPT_OF_ROW]] * 2, dim=-1)
    with torch.no_grad():
        plain = base.unet(*noised(base), told).sample
        with AttentionLoss(base, prompts, CONFIG) as loss:
            loss.begin(PROMPT_OF_ROW)
            inside = base.unet(*noised(base), told).sample
            zero = loss.per_row()
            loss.begin(PROMPT_OF_ROW.roll(1))  # compared with another prompt
            base.unet(*noised(base), told)
            other = loss.per_row()
        after = base.unet(*noised(base), told).sample
    assert zero.max() < 1e-12
    assert other[:3].min() > 1e-12
    torch.testing.assert_close(inside, plain, atol=1e-5, rtol=1e-4)
    assert torch.equal(after, plain)


def test_the_stated_tokens_are_regularised(base: BaseModel) -> None:
    words = {  # begin, words and the identity between them, end
        option: training_prompts(
            base, replace(CONFIG, attention_loss=option), ["person"]
        ).regularised
        for option in ("none", "identity", "prompt", "all")
    }
    positions, lengths = (7, 1, 4), (9, 6, 9)
    for row, (position, length) in enumerate(zip(positions, lengths, strict=True)):
        assert not words["none"][row].any()
        assert words["identity"][row].nonzero().flatten().tolist() == [position]
        assert words["prompt"][row].nonzero().flatten().tolist() == list(range(1, length - 1))
        assert words["all"][row].all()


def test_the_reference_map_gets_gradients_only_without_the_stop(base: BaseModel) -> None:
    gradients = []
    for stop in (True, False):
        told = features(base).requires_grad_()
        config = replace(CONFIG, attention_stop_gradient=stop)
        measured(base, config, told).sum().backward()
        gradients.append(told.grad)
    assert not torch.allclose(*gradients, rtol=1e-2, atol=0)


def test_only_layers_that_the_base_model_has(base: BaseModel) -> None:
    prompts = training_prompts(base, CONFIG, ["person"])
    config = replace(CONFIG, attention_layers=(16, 8))
    message = r"attention_layers: must be of \[1, 2, 4, 8\], got 16"
    with pytest.raises(InputError, match=message):
        AttentionLoss(base, prompts, config)


@pytest.mark.parametrize("prompt", ["a {} " + "very " * 80, "{} and <other>"])
def test_prompts_that_the_base_model_cannot_take(base: BaseModel, prompt: str) -> None:
    with pytest.raises(InputError, match="prompts: "):
        training_prompts(base, replace(CONFIG, prompts=(prompt,)), ["person"])
