"""The sampler's loop with the bundle's real models in this process, without a server."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from export.runtimes import Runtime, load
from identity import ServingBundle
from sampler.engine import Array, EngineError
from sampler.loop import Sampler
from sampler.request import SamplingRequest, parse_request
from sampler.settings import SamplerSettings
from sampler.tables import Tables
from tests.support.serving import request_tensors


class Gate:
    """Holds a model's calls up until it is opened; ``reached``: there is one."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def pass_through(self) -> None:
        self.reached.set()
        await self.opened.wait()


class InProcessEngine:
    """Runs the bundle's models, counts the calls and their rows, and waits or fails where told."""

    def __init__(self, runtimes: Mapping[str, Runtime]) -> None:
        self._runtimes = runtimes
        self.calls: Counter[str] = Counter()
        self.rows: dict[str, list[int]] = {name: [] for name in runtimes}
        self.gates: dict[str, Gate] = {}
        self.broken: set[str] = set()

    async def __call__(self, model: str, inputs: Mapping[str, Array], output: str) -> Array:
        await asyncio.sleep(0)  # as a call to another process would let others go on
        self.calls[model] += 1
        self.rows[model].append(len(next(iter(inputs.values()))))
        if model in self.gates:
            await self.gates[model].pass_through()
        if model in self.broken:
            raise EngineError(f"{model} is broken")
        return self._runtimes[model](inputs)


@dataclass
class Collector:
    """A caller that keeps what it is given, and may go away after some steps."""

    leave_after: int | None = None
    progress_seen: list[tuple[int, int]] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    previews: list[tuple[int, int, npt.NDArray[np.uint8]]] = field(default_factory=list)
    pictures: dict[int, npt.NDArray[np.uint8]] = field(default_factory=dict)
    held_back: list[int] = field(default_factory=list)

    def cancelled(self) -> bool:
        return self.leave_after is not None and len(self.progress_seen) >= self.leave_after

    def progress(self, done: int, total: int, queue_position: int) -> None:
        if queue_position:
            self.positions.append(queue_position)
        else:
            self.progress_seen.append((done, total))

    def preview(self, index: int, steps_done: int, pixels: npt.NDArray[np.uint8]) -> None:
        self.previews.append((index, steps_done, pixels))

    def picture(self, index: int, pixels: npt.NDArray[np.uint8]) -> None:
        self.pictures[index] = pixels

    def filtered(self, index: int) -> None:
        self.held_back.append(index)


class Studio:
    """A running sampler and what a test needs beside it."""

    def __init__(
        self,
        directory: Path,
        runtimes: Mapping[str, Runtime],
        settings: SamplerSettings,
    ) -> None:
        self.bundle = ServingBundle.load(directory)
        self.tokenize = self.bundle.tokenizer(directory)
        self.engine = InProcessEngine(runtimes)
        tables = Tables.load(directory)
        self.token_embeddings = tables.token_embeddings
        self.sampler = Sampler(self.bundle, tables, self.engine, settings)
        self.sampler.start()

    def request(
        self,
        prompt: str = "a photo of a person",
        *,
        people: Mapping[str, npt.NDArray[np.float32]] | None = None,
        seeds: tuple[int, ...] = (0,),
        steps: int = 3,
        guidance: float = 4.0,
        negative: str = "",
        **options: npt.NDArray[np.generic],
    ) -> SamplingRequest:
        """A request; ``people``: the ``[S, 2, D]`` tokens of its placeholder words."""
        people = people or {}
        tokenized = self.tokenize(prompt, people)
        words = list(people)
        optional: dict[str, npt.NDArray[np.generic]] = {}
        if people:
            optional = {
                "identities": np.stack(list(people.values())),
                "placeholder_positions": np.array(
                    [each.position for each in tokenized.placeholders], np.int32
                ),
                "placeholder_identities": np.array(
                    [words.index(each.word) for each in tokenized.placeholders], np.int32
                ),
            }
        tensors = request_tensors(
            tokenized.token_ids,
            self.tokenize(negative).token_ids,
            seeds=seeds,
            steps=steps,
            guidance=guidance,
            **optional,
            **options,
        )
        return parse_request(tensors, self.bundle, len(self.token_embeddings))

    def stranger(self, seed: int) -> npt.NDArray[np.float32]:
        """Random tokens ``[S, 2, D]``."""
        shape = (self.bundle.stages, 2, self.bundle.token_width)
        return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)

    async def draw(self, request: SamplingRequest) -> Collector:
        """Draws a request to the end."""
        caller = Collector()
        await self.sampler.draw(request, caller)
        return caller


def load_runtimes(bundle: Path, threads: int) -> dict[str, Runtime]:
    """A bundle's models by name."""
    return {
        name: load("openvino", bundle / "models" / name / "1", threads)
        for name in ("text_encoder", "unet", "vae_decoder", "vae_encoder")
    }


@pytest.fixture(scope="session")
def runtimes(bundle: Path) -> dict[str, Runtime]:
    return load_runtimes(bundle, threads=1)


@pytest.fixture
async def open_studio(
    bundle: Path, runtimes: dict[str, Runtime]
) -> AsyncIterator[Callable[..., Studio]]:
    """Starts samplers with settings of the test's own."""
    started: list[Studio] = []

    def start(**settings: int) -> Studio:
        started.append(Studio(bundle, runtimes, SamplerSettings(**settings)))
        return started[-1]

    yield start
    for each in started:
        each.sampler.stop()


@pytest.fixture
async def studio(open_studio: Callable[..., Studio]) -> Studio:
    return open_studio()


def text(word: str) -> npt.NDArray[np.object_]:
    """A text tensor."""
    return np.array([word.encode()], np.object_)
