"""What a base model's configs say, checked before any of its weights is read."""

import json
from pathlib import Path
from typing import Any

from identity import TRAIN_TIMESTEPS

SCHEDULER = "scheduler/scheduler_config.json"
TEXT_ENCODER = "text_encoder/config.json"
UNET = "unet/config.json"
VAE = "vae/config.json"
CONFIGS = (SCHEDULER, TEXT_ENCODER, UNET, VAE)

EXTRA_CONDITIONING = (
    "addition_embed_type",
    "class_embed_type",
    "encoder_hid_dim_type",
    "num_class_embeds",
    "time_cond_proj_dim",
)
"""Fields that give the U-Net inputs besides latents, timestep and text."""
SUPPORTED: dict[str, dict[str, list[Any]]] = {
    SCHEDULER: {
        "beta_schedule": ["linear", "scaled_linear", "squaredcos_cap_v2"],
        "num_train_timesteps": [TRAIN_TIMESTEPS],
        "prediction_type": ["epsilon", "v_prediction"],
        "trained_betas": [None],
    },
    TEXT_ENCODER: {"architectures": [["CLIPTextModel"]]},
    UNET: {"_class_name": ["UNet2DConditionModel"]} | {each: [None] for each in EXTRA_CONDITIONING},
    VAE: {"_class_name": ["AutoencoderKL"]},
}
"""Values of fields in Stable Diffusion 1.x and 2.x; a field that is not there has the first."""
ALIKE = {
    "cross_attention_dim": (TEXT_ENCODER, "hidden_size"),
    "in_channels": (VAE, "latent_channels"),
    "out_channels": (VAE, "latent_channels"),
}
"""Fields of the U-Net, and what each has to be the same as."""


class BaseModelError(ValueError):
    """The source is no base model that can be used; the message says what is wrong."""


def read_config(directory: Path, name: str) -> dict[str, Any]:
    """A JSON file of a base model. Raises :class:`BaseModelError`, with its name."""
    try:
        config = json.loads((directory / name).read_text())
    except (OSError, ValueError) as error:
        raise BaseModelError(f"{directory / name} can't be read: {error}") from error
    if not isinstance(config, dict):
        raise BaseModelError(f"{directory / name} can't be read: it is no JSON object")
    return config


def scheduler_config(directory: Path) -> dict[str, Any]:
    """The noise schedule, with what ``StableDiffusionPipeline`` makes sure of as well.

    A config that another class than DDIM wrote may say nothing of ``clip_sample``, and DDIM would
    clamp the latents to [-1, 1], in which they do not lie.
    """
    return {**read_config(directory, SCHEDULER), "clip_sample": False, "steps_offset": 1}


def check_configs(directory: Path) -> None:
    """Raises :class:`BaseModelError`, with file and field, unless it is a model of SD's family."""
    configs = {name: read_config(directory, name) for name in CONFIGS}

    def value(name: str, field: str) -> Any:
        if field not in configs[name]:
            raise BaseModelError(f"{directory / name} has no {field}")
        return configs[name][field]

    def refuse(name: str, field: str, only: str) -> BaseModelError:
        found = json.dumps(configs[name][field])
        return BaseModelError(f"{directory / name}: {field} {found} is not supported, only {only}")

    for name, fields in SUPPORTED.items():
        for field, known in fields.items():
            if configs[name].get(field, known[0]) not in known:
                raise refuse(name, field, " or ".join(map(json.dumps, known)))
    for field, (name, other) in ALIKE.items():
        if value(UNET, field) != (expected := value(name, other)):
            raise refuse(UNET, field, f"{expected}, the {other} of {name}")
    size = value(UNET, "sample_size")
    sides = size if isinstance(size, list) else [size, size]
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise refuse(UNET, "sample_size", "a number, or height and width")
