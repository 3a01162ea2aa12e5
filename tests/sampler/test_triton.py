"""The sampler in a real Triton server, over gRPC, against diffusers' own pipeline."""

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from deploy.triton import TritonServer
from identity import PromptTokenizer, ServingBundle
from sampler.metrics import FAMILIES
from sampler.timeline import PHASES
from service.errors import SamplerFailedError
from service.sampler_client import SamplerClient
from service.sampler_request import SamplerRequest
from tests.support.serving import draw, executions, open_stream, request_tensors

# uint8 levels by which a picture may differ from diffusers' own. With random weights the U-Net is
# chaotic: after many steps under strong guidance, 1e-6 of the noise changes diffusers' own picture
# by 100 levels. So the settings here are mild; the trained checkpoint is compared at full ones.
PEER_LEVELS = 1
PROMPT = "a photo of a person"
STEPS_ON_THE_WAY = 10
"""Steps of some milliseconds that may run while an answer and the cancel are on their way."""


@pytest.fixture(scope="module")
def described(bundle: Path) -> ServingBundle:
    return ServingBundle.load(bundle)


@pytest.fixture(scope="module")
def tokenize(bundle: Path, described: ServingBundle) -> PromptTokenizer:
    return described.tokenizer(bundle)


@pytest.fixture
async def client(triton: TritonServer) -> AsyncIterator[InferenceServerClient]:
    async with InferenceServerClient(triton.grpc_address) as opened:
        yield opened


def apart(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


@pytest.mark.parametrize(
    ("steps", "guidance", "negative"), [(8, 2.0, ""), (5, 1.0, ""), (6, 3.0, "a photo of a dog")]
)
async def test_draws_what_diffusers_draws(
    client: InferenceServerClient,
    tokenize: PromptTokenizer,
    exported_checkpoint: Path,
    steps: int,
    guidance: float,
    negative: str,
) -> None:
    pipeline = StableDiffusionPipeline.from_pretrained(exported_checkpoint)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        PROMPT,
        negative_prompt=negative,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=torch.Generator("cpu").manual_seed(11),
    ).images[0]
    tensors = request_tensors(
        tokenize(PROMPT).token_ids,
        tokenize(negative).token_ids,
        seeds=(11,),
        steps=steps,
        guidance=guidance,
    )
    answer = await draw(client, tensors)
    assert apart(answer.images[0], np.asarray(expected)) <= PEER_LEVELS


async def test_prompt_guidance_and_seed_matter(
    client: InferenceServerClient, tokenize: PromptTokenizer
) -> None:
    ids, other = tokenize(PROMPT).token_ids, tokenize("a blue dog").token_ids
    picture, *others = [
        (
            await draw(client, request_tensors(ids, negative, seeds=(seed,), guidance=guidance))
        ).images[0]
        for ids, negative, seed, guidance in (
            (ids, other, 0, 3.0),
            (other, ids, 0, 3.0),
            (ids, other, 1, 3.0),
            (ids, other, 0, 1.0),
        )
    ]
    assert all(apart(picture, each) > 3 * PEER_LEVELS for each in others)


async def test_concurrent_requests_equal_their_solo_runs(
    client: InferenceServerClient, tokenize: PromptTokenizer, described: ServingBundle
) -> None:
    negative = tokenize("").token_ids
    prompt = tokenize("a photo of <ann>", {"ann"})
    person = np.random.default_rng(0).standard_normal(
        (1, described.stages, 2, described.token_width), dtype=np.float32
    )
    requests = [
        request_tensors(tokenize(PROMPT).token_ids, negative, seeds=(1, 2), steps=9, guidance=2.0),
        request_tensors(tokenize("a dog").token_ids, negative, seeds=(3,), steps=4, guidance=1.0),
        request_tensors(
            prompt.token_ids,
            negative,
            seeds=(4,),
            steps=6,
            guidance=2.0,
            identities=person,
            placeholder_positions=np.array([prompt.placeholders[0].position], np.int32),
            placeholder_identities=np.array([0], np.int32),
        ),
    ]
    together = await asyncio.gather(*(draw(client, tensors) for tensors in requests))
    for tensors, shared in zip(requests, together, strict=True):
        alone = await draw(client, tensors)
        assert alone.images.keys() == shared.images.keys()
        assert all(apart(alone.images[i], shared.images[i]) == 0 for i in alone.images)


async def test_a_picture_that_is_not_finite_is_no_outage(
    triton: TritonServer, tokenize: PromptTokenizer, described: ServingBundle
) -> None:
    """Drawn again it would come out the same, so nobody is told to try again."""
    prompt = tokenize("a photo of <ann>", {"ann"})
    request = SamplerRequest(
        prompt_ids=prompt.token_ids,
        negative_ids=tokenize("").token_ids,
        placeholders=((prompt.placeholders[0].position, 0),),
        identities=np.full((1, described.stages, 2, described.token_width), 3e38, np.float32),
        seeds=(0,),
        steps=2,
        guidance_scale=2.0,
        guidance_interval=None,
        scheduler="ddim",
        height=described.image_height,
        width=described.image_width,
        init_image=None,
        init_strength=1.0,
        preview_every=0,
        tenant="",
        priority=0,
    )
    sampler = SamplerClient(triton.grpc_address, probe_seconds=5.0)
    with pytest.raises(SamplerFailedError):
        async for _ in sampler.sample(request, 60.0):
            pass
    await sampler.close()


async def test_progress_comes_in_order_and_before_the_picture(
    client: InferenceServerClient, tokenize: PromptTokenizer
) -> None:
    ids = tokenize(PROMPT).token_ids
    answer = await draw(client, request_tensors(ids, ids, steps=5))
    assert answer.progress == [(step, 5) for step in range(1, 6)]
    assert answer.events == ["progress"] * 5 + ["image"]


async def test_a_cancelled_request_frees_its_rows(
    client: InferenceServerClient, tokenize: PromptTokenizer
) -> None:
    ids = tokenize(PROMPT).token_ids
    before = await executions(client, "unet")
    stream = open_stream(client, request_tensors(ids, ids, seeds=tuple(range(16)), steps=150))
    await anext(aiter(stream))
    stream.cancel()
    # Steps until the cancel has come and is seen; that one more follows, test_limits.py counts.
    await draw(client, request_tensors(ids, ids, steps=20))
    after = await executions(client, "unet")
    assert after - before <= 20 + STEPS_ON_THE_WAY
    await draw(client, request_tensors(ids, ids, steps=20))
    assert await executions(client, "unet") - after == 20


async def test_the_sampler_shows_its_metrics(
    client: InferenceServerClient, tokenize: PromptTokenizer, triton: TritonServer
) -> None:
    def metrics() -> dict[str, float]:
        url = f"http://127.0.0.1:{triton.ports.metrics}/metrics"
        with urllib.request.urlopen(url) as page:
            lines = page.read().decode().splitlines()
        return {
            name: float(value)
            for name, value in (line.rsplit(" ", 1) for line in lines if line[:8] == "likeness")
        }

    ids = tokenize("a metric of a person").token_ids
    before = metrics()
    began = time.monotonic()
    for _ in range(2):
        await draw(client, request_tensors(ids, ids, steps=4, guidance=1.0))
    seconds = time.monotonic() - began
    after = metrics()
    grown = {name: after[name] - before.get(name, 0) for name in after}
    prefix = "likeness_sampler_"
    assert grown[prefix + "steps_total"] == grown[prefix + "rows_total"] == 8
    assert grown[prefix + 'requests_total{outcome="drawn"}'] == 2
    assert grown[prefix + "conditioning_cache_hits_total"] == 1
    assert grown[prefix + "conditioning_cache_misses_total"] == 1
    assert grown[prefix + "step_seconds_total"] > grown[prefix + "engine_seconds_total"] > 0
    assert after[prefix + "requests_in_flight"] == 0
    shown = {name.removeprefix(prefix) for name in after}
    assert shown == {
        each.name + (f'{{{each.label}="{label}"}}' if label else "")
        for each in FAMILIES
        for label in each.values
    }
    phases = sum(grown[prefix + f'phase_seconds_total{{phase="{each}"}}'] for each in PHASES)
    assert grown[prefix + "step_seconds_total"] <= phases < seconds


async def test_a_deadline_that_can_not_be_met_is_refused(
    client: InferenceServerClient, tokenize: PromptTokenizer
) -> None:
    ids = tokenize(PROMPT).token_ids
    await draw(client, request_tensors(ids, ids, steps=4))
    late = request_tensors(ids, ids, steps=150, seconds_left=np.array([0.01], np.float32))
    answer = await draw(client, late)
    assert (answer.refusal, answer.images) == ("DEADLINE_MISSED", {})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": np.array([0], np.int32)}, "steps must be 1 to 150, got 0"),
        ({"guidance_scale": np.array([np.nan], np.float32)}, "guidance_scale must be 1 to 30"),
        ({"prompt_ids": np.zeros(3, np.int64)}, r"prompt_ids must be \[77\], got \[3\]"),
        ({"seeds": np.zeros(0, np.int64)}, "seeds must be 1 to 16 numbers"),
        ({"identities": np.zeros((1, 1, 2, 9), np.float32)}, "identities must be"),
        ({"placeholder_positions": np.array([1], np.int32)}, "must be equally long"),
        ({"seeds": np.zeros(1, np.int32)}, "data-type is 'INT32'"),
    ],
)
async def test_bad_tensors_are_refused_and_the_server_still_serves(
    client: InferenceServerClient,
    tokenize: PromptTokenizer,
    changes: dict[str, npt.NDArray[np.generic]],
    message: str,
) -> None:
    good = request_tensors(tokenize(PROMPT).token_ids, tokenize("").token_ids, steps=1)
    with pytest.raises(InferenceServerException, match=message):
        await draw(client, {**good, **changes})
    assert len((await draw(client, good)).images) == 1
