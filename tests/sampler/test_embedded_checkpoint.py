"""The embedded checkpoint from its export to a picture: diffusers' own, and in time."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from tritonclient.grpc.aio import InferenceServerClient

from deploy.triton import TritonServer
from identity import ServingBundle
from tests.support.serving import draw, request_tensors

CHECKPOINT = os.environ.get("LIKENESS_BASE_MODEL", "faceworld/checkpoint")
STEPS = 20
GUIDANCE = 7.5
LEVELS = 1  # uint8 levels by which a picture may differ from diffusers' own
SECONDS = 5  # for one picture, on a CPU


@pytest.fixture(scope="module")
def exported(export_embedded: Callable[[str], Path]) -> Path:
    return export_embedded("openvino")


async def test_draws_what_diffusers_draws_in_time(exported: Path, tmp_path: Path) -> None:
    tokenize = ServingBundle.load(exported).tokenizer(exported)
    prompts = ["a photo of the face of a person", "a man with a blue hat"]
    pipeline = StableDiffusionPipeline.from_pretrained(CHECKPOINT)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    with TritonServer(exported, tmp_path) as server:
        async with InferenceServerClient(server.grpc_address) as client:
            for seed, prompt in enumerate(prompts):
                expected = pipeline(
                    prompt,
                    num_inference_steps=STEPS,
                    guidance_scale=GUIDANCE,
                    generator=torch.Generator("cpu").manual_seed(seed),
                ).images[0]
                tensors = request_tensors(
                    tokenize(prompt).token_ids,
                    tokenize("").token_ids,
                    seeds=(seed,),
                    steps=STEPS,
                    guidance=GUIDANCE,
                )
                began = time.monotonic()
                drawn = (await draw(client, tensors)).images[0]
                assert time.monotonic() - began <= SECONDS
                difference = np.abs(drawn.astype(int) - np.asarray(expected).astype(int))
                assert difference.max() <= LEVELS
