"""Where each token of a prompt acts: cross-attention maps, recorded during U-Net passes.

They are what the paper's figures 3 and 13 show.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType

import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from basemodel.attention import SplitCrossAttention, cross_attentions, with_processors
from identity import stage_of


class AttentionMaps:
    """Records ``softmax(Q K^T / sqrt(d))``, averaged over heads, of every cross-attention layer.

    Used as a context manager around U-Net passes, whose results stay the same bit for bit. Each
    layer remembers its own maps, so passes may have any number of rows, but all the same.

    Args:
        unet: the base model's.
        latent_size: (height, width) of the latents, for the proportions of the maps.
    """

    def __init__(self, unet: nn.Module, latent_size: tuple[int, int]) -> None:
        self._proportion = latent_size[0] / latent_size[1]
        self._layers = [(layer, _Recording()) for layer in cross_attentions(unet).values()]
        self._undo = ExitStack()

    def __enter__(self) -> "AttentionMaps":
        self._undo.enter_context(with_processors(self._layers))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.close()

    def by_size(self) -> dict[tuple[int, int], Tensor]:
        """Maps ``[passes, B, L, h, w]`` per (h, w), averaged over the layers of that size.

        At every pixel the L tokens sum to 1.
        """
        layers: dict[int, list[Tensor]] = {}
        for _, recording in self._layers:
            maps = torch.stack(recording.maps)  # [passes, B, P, L]
            layers.setdefault(maps.shape[2], []).append(maps)
        averaged = {}
        for pixels, alike in sorted(layers.items(), reverse=True):
            height = round((pixels * self._proportion) ** 0.5)
            size = (height, pixels // height)
            averaged[size] = torch.stack(alike).mean(dim=0).mT.unflatten(-1, size)  # type: ignore[no-untyped-call]
        return averaged


def stage_means(maps: Tensor, timesteps: Sequence[int], stages: int) -> Tensor:
    """Means ``[S, ...]`` over the passes of each stage.

    Args:
        maps: ``[passes, ...]``.
        timesteps: of the passes.
        stages: S.

    Raises:
        ValueError: no pass falls into one of the stages.
    """
    stage_of_pass = torch.tensor([stage_of(timestep, stages) for timestep in timesteps])
    if missing := sorted(set(range(stages)) - set(stage_of_pass.tolist())):
        raise ValueError(f"no pass falls into stage {missing[0]}; draw with more steps")
    return torch.stack([maps[stage_of_pass == stage].mean(dim=0) for stage in range(stages)])


class _Recording(SplitCrossAttention):
    """Split cross-attention that keeps its maps, ``[B, P, L]`` a pass."""

    def __init__(self) -> None:
        self.maps: list[Tensor] = []

    def attend(self, attn: Attention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        scores = query @ key.mT * query.shape[-1] ** -0.5
        self.maps.append(scores.detach().float().softmax(dim=-1).mean(dim=1).cpu())
        return super().attend(attn, query, key, value)
