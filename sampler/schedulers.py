"""The noise schedulers that a request may name: diffusers' own classes, one object a picture."""

import copy
from typing import Any

from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    UniPCMultistepScheduler,
)

SCHEDULERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "ddim": (DDIMScheduler, {}),  # the paper's
    "dpmpp_2m": (
        DPMSolverMultistepScheduler,
        {"algorithm_type": "dpmsolver++", "solver_order": 2},
    ),
    "euler": (EulerDiscreteScheduler, {}),
    "euler_ancestral": (EulerAncestralDiscreteScheduler, {}),
    "unipc": (UniPCMultistepScheduler, {}),
    "lcm": (LCMScheduler, {}),
}
"""Class and options by name; the noise schedule is the base model's."""

LCM_TEACHER_STEPS = 50
"""LCM takes its steps out of a teacher's this many, or out of its own number if that is more."""


class Schedulers:
    """Makes schedulers for a base model.

    Args:
        config: of any diffusers scheduler; it gives the noise schedule.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self._fresh = {
            name: kind.from_config(config, **options)
            for name, (kind, options) in SCHEDULERS.items()
        }

    def __call__(self, name: str, steps: int) -> Any:
        """A scheduler of its own with its timesteps set.

        Args:
            name: a key of :data:`SCHEDULERS`.
            steps: denoising steps from pure noise.
        """
        scheduler = copy.deepcopy(self._fresh[name])
        if name == "lcm":
            scheduler.set_timesteps(steps, original_inference_steps=max(steps, LCM_TEACHER_STEPS))
        else:
            scheduler.set_timesteps(steps)
        return scheduler
