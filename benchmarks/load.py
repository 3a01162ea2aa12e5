"""Sends requests to a model of Triton at given times and notes when the answers come."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import np_to_triton_dtype

Tensors = Mapping[str, npt.NDArray[Any]]
Answer = Callable[[Tensors], Awaitable[object]]
"""Sends a request and waits for the end of its answers."""

GRACE_SECONDS = 0.2
"""Pause between two measurements, so that nothing of the last one is left."""


@dataclass(frozen=True)
class Result:
    """What a load of requests took.

    Attributes:
        seconds: from the first request to the last answer.
        latencies: of each request, from its own arrival to its last answer.
    """

    seconds: float
    latencies: tuple[float, ...]

    @property
    def throughput(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds

    @property
    def mean(self) -> float:
        """Mean latency in seconds."""
        return float(np.mean(self.latencies))

    @property
    def p95(self) -> float:
        """95th percentile of the latencies in seconds."""
        return float(np.percentile(self.latencies, 95))


async def arriving(
    client: InferenceServerClient, model: str, requests: Sequence[Tensors], apart: float
) -> Result:
    """Sends the requests ``apart`` seconds from each other, whether or not answers have come."""
    return await spread(partial(answered, client, model), requests, apart)


async def one_at_a_time(
    client: InferenceServerClient, model: str, requests: Sequence[Tensors]
) -> Result:
    """Sends each request when the last one is answered."""
    return await in_turn(partial(answered, client, model), requests)


async def spread(answer: Answer, requests: Sequence[Tensors], apart: float) -> Result:
    """As :func:`arriving`, whoever answers."""
    await asyncio.sleep(GRACE_SECONDS)
    began = time.monotonic()

    async def one(number: int, tensors: Tensors) -> float:
        await asyncio.sleep(max(0.0, began + number * apart - time.monotonic()))
        arrived = time.monotonic()
        await answer(tensors)
        return time.monotonic() - arrived

    latencies = await asyncio.gather(*(one(i, each) for i, each in enumerate(requests)))
    return Result(time.monotonic() - began, tuple(latencies))


async def in_turn(answer: Answer, requests: Sequence[Tensors]) -> Result:
    """As :func:`one_at_a_time`, whoever answers."""
    await asyncio.sleep(GRACE_SECONDS)
    began = time.monotonic()
    latencies = []
    for tensors in requests:
        arrived = time.monotonic()
        await answer(tensors)
        latencies.append(time.monotonic() - arrived)
    return Result(time.monotonic() - began, tuple(latencies))


async def taking_turns(
    client: InferenceServerClient, model: str, variants: Mapping[str, Sequence[Tensors]]
) -> dict[str, npt.NDArray[np.float64]]:
    """Latencies in seconds of each variant's requests, one at a time: the first request of each
    variant, then the second of each, so that all meet the same machine."""
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for turn in zip(*variants.values(), strict=True):
        for name, tensors in zip(variants, turn, strict=True):
            taken[name] += (await one_at_a_time(client, model, [tensors])).latencies
    return {name: np.array(latencies) for name, latencies in taken.items()}


async def answered(
    client: InferenceServerClient, model: str, tensors: Tensors
) -> dict[int, npt.NDArray[np.uint8]]:
    """Sends one request and waits for the end of its answers; the pictures by their index.

    Raises the server's error.
    """
    inputs = []
    for name, tensor in tensors.items():
        each = InferInput(name, list(tensor.shape), np_to_triton_dtype(tensor.dtype))
        each.set_data_from_numpy(tensor)
        inputs.append(each)

    async def requests() -> AsyncIterator[dict[str, Any]]:
        yield {"model_name": model, "inputs": inputs}

    pictures = {}
    async for result, error in client.stream_infer(requests()):
        if error is not None:
            raise error
        if (index := result.as_numpy("image_index")) is not None:
            pictures[int(index[0])] = result.as_numpy("image")
    return pictures
