"""The same seed gives the same picture, whatever else is in the batch: bit for bit on OpenVINO."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from export.runtimes import Runtime
from export.runtimes.onnxruntime_runtime import OnnxRuntime
from sampler.request import SamplingRequest
from sampler.schedulers import SCHEDULERS
from sampler.settings import SamplerSettings
from tests.sampler.conftest import Collector, Studio, load_runtimes, text

NAMES = ("ann", "bea")
SIZES = ((64, 64), (64, 128))
ONNXRUNTIME_LEVELS = 1
"""Of 256, by which a picture may differ: this engine may choose its kernels by the batch's size."""


@dataclass(frozen=True)
class Wish:
    """A request, as hypothesis draws it."""

    scheduler: str
    seeds: tuple[int, ...]
    steps: int
    guidance: float
    people: tuple[int, ...]
    negative: str
    size: tuple[int, int]
    from_picture: bool
    interval: bool
    previews: bool
    tenant: str
    priority: int

    def request(self, studio: Studio) -> SamplingRequest:
        options: dict[str, np.ndarray] = {
            "scheduler": text(self.scheduler),
            "size": np.array(self.size, np.int32),
            "tenant": text(self.tenant),
            "priority": np.array([self.priority], np.int32),
            "preview_every": np.array([int(self.previews)], np.int32),
        }
        if self.from_picture:
            shape = (*self.size, 3)
            options["init_image"] = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
            options["init_strength"] = np.array([0.6], np.float32)
        if self.interval:
            options["guidance_interval"] = np.array([700, 200], np.float32)
        people = dict(zip(NAMES, map(studio.stranger, self.people), strict=False))
        return studio.request(
            "a photo of " + (" and ".join(f"<{name}>" for name in people) or "a person"),
            people=people,
            negative=self.negative,
            seeds=self.seeds,
            steps=self.steps,
            guidance=self.guidance,
            **options,
        )


wishes = st.builds(
    Wish,
    scheduler=st.sampled_from(sorted(SCHEDULERS)),
    seeds=st.lists(st.integers(0, 2), min_size=1, max_size=3).map(tuple),
    steps=st.integers(1, 5),
    guidance=st.sampled_from([1.0, 3.0]),
    people=st.lists(st.integers(1, 3), max_size=len(NAMES)).map(tuple),
    negative=st.sampled_from(["", "a dog"]),
    size=st.sampled_from(SIZES),
    from_picture=st.booleans(),
    interval=st.booleans(),
    previews=st.booleans(),
    tenant=st.sampled_from(["a", "b"]),
    priority=st.integers(-1, 1),
)


async def drawn(studio: Studio, mix: list[Wish]) -> list[Collector]:
    return await asyncio.gather(*(studio.draw(wish.request(studio)) for wish in mix))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(mix=st.lists(wishes, min_size=2, max_size=4))
def test_a_mix_equals_its_solo_runs(
    bundle: Path, runtimes: Mapping[str, Runtime], mix: list[Wish]
) -> None:
    async def both() -> None:
        studio = Studio(bundle, runtimes, SamplerSettings())
        together = await drawn(studio, mix)
        # Alone, and without what the mix has left in the cache.
        alone = Studio(bundle, runtimes, SamplerSettings(conditioning_cache_bytes=0))
        for wish, shared in zip(mix, together, strict=True):
            (solo,) = await drawn(alone, [wish])
            assert solo.pictures.keys() == shared.pictures.keys() == set(range(len(wish.seeds)))
            for index, picture in solo.pictures.items():
                np.testing.assert_array_equal(picture, shared.pictures[index])
            assert len(solo.previews) == len(shared.previews)
        studio.sampler.stop()
        alone.sampler.stop()

    asyncio.run(both())


async def test_every_scheduler_and_every_seed_draws_a_picture_of_its_own(studio: Studio) -> None:
    requests = [
        studio.request(seeds=(1, 2), steps=4, scheduler=text(name)) for name in sorted(SCHEDULERS)
    ]
    answers = await asyncio.gather(*map(studio.draw, requests))
    pictures = [picture.tobytes() for answer in answers for picture in answer.pictures.values()]
    assert len(set(pictures)) == 2 * len(SCHEDULERS)


def one_of_each_scheduler(studio: Studio) -> list[SamplingRequest]:
    """With and without guidance, of different numbers of steps."""
    return [
        studio.request(seeds=(seed,), steps=2 + seed, guidance=1.0 + seed % 3, scheduler=text(name))
        for seed, name in enumerate(sorted(SCHEDULERS))
    ]


async def levels_apart(studio: Studio) -> int:
    """By how many levels pictures that are drawn together differ from those drawn alone."""
    together = await asyncio.gather(*map(studio.draw, one_of_each_scheduler(studio)))
    assert len(set(studio.engine.rows["unet"])) > 2
    apart = [
        np.abs((await studio.draw(request)).pictures[0].astype(int) - shared.pictures[0]).max()
        for request, shared in zip(one_of_each_scheduler(studio), together, strict=True)
    ]
    return int(max(apart))


async def test_a_mix_equals_its_solo_runs_on_several_threads(bundle: Path) -> None:
    studio = Studio(bundle, load_runtimes(bundle, threads=2), SamplerSettings())
    assert await levels_apart(studio) == 0
    studio.sampler.stop()


async def test_on_onnxruntime_a_mix_is_within_a_level_of_its_solo_runs(
    bundle: Path, onnx_files: Mapping[str, Path]
) -> None:
    engines = {name: OnnxRuntime(file, threads=1) for name, file in onnx_files.items()}
    studio = Studio(bundle, engines, SamplerSettings())
    assert await levels_apart(studio) <= ONNXRUNTIME_LEVELS
    studio.sampler.stop()
