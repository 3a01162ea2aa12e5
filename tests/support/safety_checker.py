"""A tiny safety checker with random weights, of diffusers' own class."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPImageProcessorPil

SIDE = 32
NEVER = 2.0
"""A threshold that no cosine reaches."""


def random_checker(seed: int = 0) -> StableDiffusionSafetyChecker:
    """A checker that passes everything."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vision = {
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "image_size": SIDE,
            "patch_size": 8,
        }
        checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=16))
        for embeds in (checker.concept_embeds, checker.special_care_embeds):
            embeds.copy_(torch.randn(embeds.shape))
    checker.concept_embeds_weights.fill_(NEVER)
    checker.special_care_embeds_weights.fill_(NEVER)
    return checker.eval()


def feature_extractor() -> CLIPImageProcessorPil:
    """What prepares pictures for it."""
    return CLIPImageProcessorPil(
        size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}
    )


def embeddings(
    checker: StableDiffusionSafetyChecker, pictures: list[npt.NDArray[np.uint8]]
) -> torch.Tensor:
    """What it sees in pictures ``[H, W, 3]``, each of length 1."""
    images = [Image.fromarray(picture) for picture in pictures]
    pixels = feature_extractor()(images, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        seen = checker.visual_projection(checker.vision_model(pixels).pooler_output)
    return torch.nn.functional.normalize(seen)


def forbid(
    checker: StableDiffusionSafetyChecker,
    bad: npt.NDArray[np.uint8],
    good: list[npt.NDArray[np.uint8]],
) -> None:
    """Makes it flag one picture and pass others: a concept that is what only the one shows."""
    seen = embeddings(checker, [bad, *good])
    concept = seen[0] - seen[1:].mean(dim=0)
    cosines = seen @ torch.nn.functional.normalize(concept, dim=0)
    checker.concept_embeds[3] = concept
    checker.concept_embeds_weights[3] = (cosines[0] + cosines[1:].max()) / 2


def save(checker: StableDiffusionSafetyChecker, checkpoint: Path) -> None:
    """Adds it to a diffusers directory, with names and numbers as Stable Diffusion 1.5 has them."""
    checker.save_pretrained(checkpoint / "safety_checker")
    weights = {
        name.replace("vision_model.", "vision_model.vision_model.", 1): tensor
        for name, tensor in checker.state_dict().items()
    }
    file = checkpoint / "safety_checker/model.safetensors"
    save_file(weights, file, metadata={"format": "pt"})
    (checkpoint / "feature_extractor").mkdir(exist_ok=True)
    (checkpoint / "feature_extractor/preprocessor_config.json").write_text(
        json.dumps(
            {
                "crop_size": SIDE,
                "do_center_crop": True,
                "do_convert_rgb": True,
                "do_normalize": True,
                "do_resize": True,
                "feature_extractor_type": "CLIPFeatureExtractor",
                "image_mean": [0.48145466, 0.4578275, 0.40821073],
                "image_std": [0.26862954, 0.26130258, 0.27577711],
                "resample": 3,
                "size": SIDE,
            }
        )
    )
