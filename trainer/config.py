"""Everything that learning an identity depends on. After each field: where its value comes from.

"paper" is arXiv 2402.00631; "ours" is our choice (docs/evaluation.md says which were measured).
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of one training. The defaults are the preset ``default``."""

    # What is learned
    stages: int = 5  # S; paper III-C, 1 to 10
    split_keys_values: bool = True  # vectors of their own for K and V; paper III-C
    generator: bool = False  # vectors from two self-attention layers and a feed-forward (paper
    # III-C), or else trained directly: as good, and cheaper
    generator_heads: int = 4  # ours, the paper doesn't say
    train_word: bool = True  # v* itself is trained, and shared by all stages; ours
    offset_bound: float | None = 0.5  # largest |P - v*| / |initial v*|; ours, the paper has none

    # Losses
    attention_loss: Literal["none", "identity", "prompt", "all"] = "all"  # Table III: #1, #2, #3
    attention_weight: float = 1.0  # lambda of Eq. 6; ours, the paper has .003
    attention_reduction: Literal["mean", "sum"] = "mean"  # over tokens, in Eq. 4; ours
    loss_weight: Literal["uniform", "balanced"] = "balanced"  # over timesteps in Eq. 5; ours

    # Optimiser
    learning_rate: float = 0.005  # Adam, of v*; paper IV-A
    offset_learning_rate: float = 0.001  # of what gives P - v*; ours
    decay: bool = True  # learning rates fall linearly to 0; ours
    steps: int = 100  # ours
    batch: int = 2  # rows of one step; ours
    average_from: float = 0.5  # share of the steps after which iterates are averaged; ours

    # Data
    prompts: tuple[str, ...] = ("a photo of the face of {}",)  # METHOD.md; {} is the identity
    views: int = 32  # augmented views, encoded once; ours
    flip: float = 0.5  # probability of a horizontal flip; paper IV-A (value not legible)
    jitter: float = 0.03  # brightness, contrast, saturation vary by so much; paper IV-A (no value)
    smallest_scale: float = 0.85  # of random scaling up to 1; paper IV-A (range not legible)

    def to_json(self) -> dict[str, Any]:
        """Plain values, as stored in the artifact."""
        return {**asdict(self), "prompts": list(self.prompts)}


PRESETS = {
    "default": TrainingConfig(),
    "paper": TrainingConfig(
        generator=True,
        train_word=False,
        offset_bound=None,
        attention_weight=0.003,
        attention_reduction="sum",
        loss_weight="uniform",
        offset_learning_rate=0.005,
        decay=False,
        average_from=1.0,
        jitter=0.1,
        smallest_scale=0.6,
    ),
}
"""``paper``: the stated values and nothing of ours that shapes the result."""
