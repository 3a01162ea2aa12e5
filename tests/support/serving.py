"""A client of the sampler in a real Triton server."""

import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient

from deploy.triton import TritonServer

STUB = b"triton_python_backend_stub"

DATA_TYPES = {
    "int32": "INT32",
    "int64": "INT64",
    "float32": "FP32",
    "uint8": "UINT8",
    "object": "BYTES",
}


@dataclass
class Answer:
    """What came back, in order."""

    progress: list[tuple[int, int]] = field(default_factory=list)
    images: dict[int, npt.NDArray[np.uint8]] = field(default_factory=dict)
    refusal: str = ""
    events: list[str] = field(default_factory=list)


def request_tensors(
    prompt_ids: npt.NDArray[np.int64],
    negative_ids: npt.NDArray[np.int64],
    *,
    seeds: tuple[int, ...] = (0,),
    steps: int = 3,
    guidance: float = 4.0,
    **optional: npt.NDArray[Any],
) -> dict[str, npt.NDArray[Any]]:
    """The sampler's input tensors."""
    return {
        "prompt_ids": prompt_ids,
        "negative_ids": negative_ids,
        "seeds": np.array(seeds, np.int64),
        "steps": np.array([steps], np.int32),
        "guidance_scale": np.array([guidance], np.float32),
        **optional,
    }


def open_stream(client: InferenceServerClient, tensors: dict[str, npt.NDArray[Any]]) -> Any:
    """The stream of (result, error) pairs of one request; it can be cancelled."""
    inputs = []
    for name, tensor in tensors.items():
        each = InferInput(name, list(tensor.shape), DATA_TYPES[str(tensor.dtype)])
        each.set_data_from_numpy(tensor)
        inputs.append(each)

    async def requests() -> AsyncIterator[dict[str, Any]]:
        yield {"model_name": "sampler", "inputs": inputs}

    return client.stream_infer(requests())


async def draw(client: InferenceServerClient, tensors: dict[str, npt.NDArray[Any]]) -> Answer:
    """Sends one request and takes all its answers. Raises the server's error."""
    answer = Answer()
    async for result, error in open_stream(client, tensors):
        if error is not None:
            raise error
        if (progress := result.as_numpy("progress")) is not None:
            answer.progress.append((int(progress[0]), int(progress[1])))
            answer.events.append("progress")
        elif (refusal := result.as_numpy("refusal")) is not None:
            answer.refusal = refusal[0].decode()
        elif result.as_numpy("image") is not None:
            answer.images[int(result.as_numpy("image_index")[0])] = result.as_numpy("image")
            answer.events.append("image")
    return answer


async def executions(client: InferenceServerClient, model: str) -> int:
    """How often a model was run since it was loaded."""
    statistics = await client.get_inference_statistics(model)
    return int(statistics.model_stats[0].execution_count)


def kill_stub(server: TritonServer, model: str, number: signal.Signals = signal.SIGKILL) -> None:
    """Sends a signal to the process in which a server runs a model of its Python backend."""
    place = f"/models/{model}/".encode()
    killed = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        ours = parent == server.process.pid and command[0].endswith(STUB)
        if ours and any(place in word for word in command):
            os.kill(int(process.name), number)
            killed += 1
    assert killed == 1
