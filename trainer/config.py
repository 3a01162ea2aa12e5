"""Everything that learning an identity depends on. After each field: where its value comes from.

"paper" is arXiv 2402.00631; "ours" is our choice. docs/training.md tells what each field does, and
what the choice brought.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import Field, TypeAdapter, ValidationError

from identity.artifact import MAX_STAGES
from trainer.errors import InputError

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
TEMPLATE = r"^[^{}]*\{\}[^{}]*$"
"""A text with one ``{}`` for the subject, and no other brace."""
Template = Annotated[str, Field(pattern=TEMPLATE)]


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of one training. The defaults are the preset ``default``.

    Raises:
        InputError: a value that can't be, with the field's name and its limit.
    """

    # What is learned
    stages: Annotated[int, Field(ge=1, le=MAX_STAGES)] = 5  # S; paper III-C, Table III
    split_keys_values: bool = True  # vectors of their own for K and V; paper III-C
    generator: bool = False  # vectors from two self-attention layers and a feed-forward (paper
    # III-C), or else trained directly: ours, as better and cheaper
    generator_heads: Count = 4  # ours, the paper doesn't say
    initialisation: Literal["names", "noun"] = "names"  # of v*; ours, the paper doesn't say
    train_word: bool = True  # v* itself is trained, and shared by all stages; ours
    offset_bound: Positive | None = 1.0  # largest |P - v*| / |initial v*|; ours, the paper has none
    norm_bound: Positive | None = None  # largest |P| / |initial v*|; ours, the paper has none

    # Losses
    attention_loss: Literal["none", "identity", "prompt", "all"] = "all"  # Table III: #1, #2, #3
    attention_weight: NotNegative = 1.0  # lambda of Eq. 6; ours, the paper has .003
    # Heights of the maps in Eq. 4, None: all; ours.
    attention_layers: Annotated[tuple[Count, ...], Field(min_length=1)] | None = None
    attention_norm: Literal["squared", "absolute"] = "squared"  # in Eq. 4; ours, not legible
    attention_reduction: Literal["mean", "sum"] = "mean"  # over tokens, in Eq. 4; ours
    attention_stop_gradient: bool = True  # at the reference map of Eq. 4; ours
    loss_weight: Literal["uniform", "balanced"] = "balanced"  # over timesteps in Eq. 5; ours
    norm_weight: NotNegative = 0.0  # of (|P| / |initial v*| - 1)^2; ours, after 2312.15905

    # Optimiser
    learning_rate: NotNegative = 0.005  # Adam, of v*; paper IV-A
    offset_learning_rate: NotNegative = 0.003  # of what gives P - v*; ours
    decay: bool = True  # learning rates fall linearly to 0; ours
    steps: Count = 200  # ours
    batch: Count = 4  # rows of one step; ours
    average_from: Share = 0.25  # share of the steps after which iterates are averaged; ours
    plateau: Count | None = None  # steps of the windows whose mean losses are compared: the first
    # that is no lower than those before ends the training, the best one's vectors stay; ours

    # Data
    prompts: Annotated[tuple[Template, ...], Field(min_length=1)] = (
        "a photo of {}",  # ours, as prompts that name no face keep the class; {} is the identity
    )
    timestep_sampling: Literal["uniform", "stratified", "stages"] = "stages"  # ours, the paper
    # draws them independently and uniformly
    views: Count = 32  # augmented views of all source images, encoded once; ours
    flip: Share = 0.5  # probability of a horizontal flip; paper IV-A (value not legible)
    jitter: Share = 0.03  # brightness, contrast, saturation vary by so much; ours, the paper (IV-A)
    # has no value
    smallest_scale: Annotated[float, Field(gt=0, le=1)] = 0.85  # of random scaling up to 1; ours,
    # the paper's (IV-A) is not legible

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self), include_extras=True).items():
            value = _validated(name, kind, getattr(self, name))
            object.__setattr__(self, name, value)  # JSON's lists are tuples now
        word_learns = self.train_word and self.learning_rate > 0
        if not word_learns and self.offset_learning_rate == 0:
            raise InputError(
                "INVALID_CONFIG", "offset_learning_rate: must be above 0, as v* doesn't learn"
            )

    def to_json(self) -> dict[str, Any]:
        """Plain values, as stored in the artifact; ``TrainingConfig(**values)`` reads them."""
        lists = {name: list(value) for name, value in vars(self).items() if type(value) is tuple}
        values = asdict(self) | lists
        if self.plateau is None:  # so that configs from before there was such a field keep their
            del values["plateau"]  # names (checkpoints, and the evaluation's results)
        return values


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _validated(name: str, kind: Any, value: Any) -> Any:
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        fault = error.errors()[0]
        limit = re.sub(r"^\w+ should", "must", fault["msg"])
        raise InputError("INVALID_CONFIG", f"{name}: {limit}, got {fault['input']!r}") from None


PRESETS = {
    "default": TrainingConfig(),
    "paper": TrainingConfig(
        generator=True,
        initialisation="noun",
        prompts=("a photo of the face of {}",),
        train_word=False,
        offset_bound=None,
        attention_weight=0.003,
        attention_reduction="sum",
        loss_weight="uniform",
        offset_learning_rate=0.005,
        decay=False,
        average_from=1.0,
        timestep_sampling="uniform",
        jitter=0.1,
        smallest_scale=0.6,
    ),
}
"""``paper``: the values that it states; docs/training.md names our choices where it states none."""


def configured(preset: str, changes: Mapping[str, Any]) -> TrainingConfig:
    """A preset with other values in some fields.

    Raises:
        InputError: no such field, or a value that can't be.
    """
    if unknown := sorted(changes.keys() - {field.name for field in fields(TrainingConfig)}):
        raise InputError("INVALID_CONFIG", f"{unknown[0]}: is no field of the training config")
    return replace(PRESETS[preset], **changes)
