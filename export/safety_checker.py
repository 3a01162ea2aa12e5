"""Stable Diffusion's safety checker as a graph: CLIP's view of a picture against known concepts.

The checkpoint has vectors and thresholds of the concepts, and no names.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from basemodel import source_digest
from basemodel.source import SAFETY_CHECKER
from export.graphs import Graph
from export.supported import ExportError
from identity import CheckerInput

HALF_A_DIGIT = 0.0005
"""diffusers rounds scores to three decimals before it looks whether they are above 0."""
CARE = 0.01
"""What is added to every score of a picture that shows something to take special care of."""

RESCALE_FACTOR = 1 / 255
"""What the sampler multiplies colours by before it normalises them."""


class Excess(nn.Module):
    """``StableDiffusionSafetyChecker.forward`` without its loops over pictures and concepts."""

    def __init__(self, checker: nn.Module) -> None:
        super().__init__()
        self.checker: Any = checker

    def forward(self, pixel_values: Tensor) -> Tensor:
        """How far the worst concept lies beyond its threshold ``[B]``: above 0 is flagged.

        ``pixel_values``: ``[B, 3, S, S]`` as the feature extractor gives them.
        """
        checker = self.checker
        embeds = checker.visual_projection(checker.vision_model(pixel_values).pooler_output)
        special = cosines(embeds, checker.special_care_embeds) - checker.special_care_embeds_weights
        care = CARE * (special > HALF_A_DIGIT).any(dim=1, keepdim=True)
        scores = cosines(embeds, checker.concept_embeds) - checker.concept_embeds_weights + care
        excess: Tensor = scores.amax(dim=1) - HALF_A_DIGIT
        return excess


def cosines(embeds: Tensor, concepts: Tensor) -> Tensor:
    """Cosines ``[B, C]`` of ``[B, D]`` and ``[C, D]``."""
    normalize = nn.functional.normalize
    return normalize(embeds) @ normalize(concepts).T


@dataclass(frozen=True)
class SafetyChecker:
    """A checkpoint's safety checker.

    Attributes:
        digest: ``sha256:<hex>`` of its files.
        takes: how a picture is prepared for it.
        graph: what is exported.
    """

    digest: str
    takes: CheckerInput
    graph: Graph


def load_safety_checker(directory: Path) -> SafetyChecker:
    """Loads ``safety_checker`` and ``feature_extractor`` of a diffusers directory.

    Raises:
        ExportError: they can't be read, or are of another kind.
    """
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker

    try:
        takes = checker_input(json.loads((directory / SAFETY_CHECKER[0]).read_text()))
    except (KeyError, TypeError, ValueError) as error:
        raise ExportError(f"{SAFETY_CHECKER[0]} can't be read: {error!r}") from error
    kind: Any = StableDiffusionSafetyChecker
    try:
        checker, loading = kind.from_pretrained(
            directory, subfolder="safety_checker", use_safetensors=True, output_loading_info=True
        )
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise ExportError(f"safety_checker can't be loaded, fetch it again: {error}") from error
    if missing := sorted(loading["missing_keys"]):  # they would be random, and so its judgement
        raise ExportError(f"safety_checker/model.safetensors has no {missing[0]}")
    if (side := checker.config.vision_config.image_size) != takes.side:
        raise ExportError(
            f"safety_checker looks at {side} pixels, {SAFETY_CHECKER[0]} gives {takes.side}"
        )
    graph = Graph(
        name="safety_checker",
        module=Excess(checker.requires_grad_(False).float()).eval(),
        inputs={"pixel_values": torch.zeros(2, 3, takes.side, takes.side)},
        output="excess",
        output_shape=(),
    )
    return SafetyChecker(source_digest(directory, SAFETY_CHECKER), takes, graph)


def checker_input(config: dict[str, Any]) -> CheckerInput:
    """Reads CLIP's ``preprocessor_config.json``; older ones have plain numbers for sizes.

    Raises:
        KeyError, TypeError, ValueError: it says nothing of a size, or asks for something else.
    """
    for step in ("do_resize", "do_center_crop", "do_rescale", "do_normalize"):
        if not config.get(step, True):
            raise ValueError(f"{step} false is not supported")
    factor = config.get("rescale_factor", RESCALE_FACTOR)
    if not math.isclose(factor, RESCALE_FACTOR, rel_tol=1e-3):
        raise ValueError(f"rescale_factor {factor} is not supported, only 1/255")
    size, crop = config["size"], config["crop_size"]
    sides = {crop["height"], crop["width"]} if isinstance(crop, dict) else {crop}
    if len(sides) != 1:
        raise ValueError(f"crop_size {crop} is not supported")
    return CheckerInput(
        shortest_edge=int(size["shortest_edge"] if isinstance(size, dict) else size),
        side=int(sides.pop()),
        resample=int(config["resample"]),
        mean=tuple(map(float, config["image_mean"])),
        std=tuple(map(float, config["image_std"])),
    )
