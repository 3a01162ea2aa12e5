"""Calls the `sampler` model of Triton: one request out, progress and pictures back on a stream."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import tritonclient.grpc.aio as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from service.errors import DeadlineExceededError, GatewayError, SamplerFailedError, UnavailableError

MODELS = ("sampler", "text_encoder", "unet", "vae_decoder")

_CHANNEL = [
    ("grpc.max_receive_message_length", 64 * 2**20),
    # A restarted Triton is found again within a second.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
# Errors of a model end the stream with a status code instead of coming as a text within it.
_STRICT_ERRORS = {"triton_grpc_error": "true"}


@dataclass(frozen=True)
class SamplerRequest:
    """What the sampler draws.

    Attributes:
        prompt_ids, negative_ids: ``[L]`` int64 token ids.
        placeholders: token position and row of ``identities`` of each placeholder.
        identities: ``[N, S, 2, D]`` float32.
        seeds: one per picture.
        steps: DDIM steps.
        guidance_scale: weight of classifier-free guidance.
    """

    prompt_ids: npt.NDArray[np.int64]
    negative_ids: npt.NDArray[np.int64]
    placeholders: tuple[tuple[int, int], ...]
    identities: npt.NDArray[np.float32]
    seeds: tuple[int, ...]
    steps: int
    guidance_scale: float

    def tensors(self) -> dict[str, npt.NDArray[Any]]:
        """The model's inputs."""
        tensors: dict[str, npt.NDArray[Any]] = {
            "prompt_ids": self.prompt_ids,
            "negative_ids": self.negative_ids,
            "seeds": np.array(self.seeds, np.int64),
            "steps": np.array([self.steps], np.int32),
            "guidance_scale": np.array([self.guidance_scale], np.float32),
        }
        if self.placeholders:
            positions, rows = np.array(self.placeholders, np.int32).T
            tensors["placeholder_positions"] = np.ascontiguousarray(positions)
            tensors["placeholder_identities"] = np.ascontiguousarray(rows)
            tensors["identities"] = self.identities
        return tensors


@dataclass(frozen=True)
class SamplerProgress:
    """Denoising steps done."""

    step: int
    total_steps: int


@dataclass(frozen=True)
class SamplerImage:
    """A finished picture, ``[H, W, 3]`` uint8."""

    index: int
    pixels: npt.NDArray[np.uint8]


class SamplerClient:
    """Triton, as far as the gateway is concerned.

    Args:
        url: Triton's gRPC address.
        probe_seconds: longest wait for a sign of life.
    """

    def __init__(self, url: str, probe_seconds: float) -> None:
        self._client = triton.InferenceServerClient(url, channel_args=_CHANNEL)
        self._probe_seconds = probe_seconds

    async def ready(self) -> bool:
        """Whether all models are ready."""
        try:
            async with asyncio.timeout(self._probe_seconds):
                return all(
                    await asyncio.gather(*map(self._client.is_model_ready, MODELS)),
                )
        except (InferenceServerException, TimeoutError):
            return False

    async def sample(
        self, request: SamplerRequest, time_limit: float
    ) -> AsyncGenerator[SamplerProgress | SamplerImage]:
        """Draws; closing the iterator ends the work at the next step.

        Args:
            request: what to draw.
            time_limit: seconds that it may take.

        Raises:
            UnavailableError, DeadlineExceededError, SamplerFailedError: see there.
        """
        missing = set(range(len(request.seeds)))
        stream = self._client.stream_infer(
            _once(request), stream_timeout=time_limit, headers=_STRICT_ERRORS
        )
        try:
            with _told_as_gateway_errors():
                async for result, error in stream:
                    if error is not None:
                        raise error
                    if (progress := result.as_numpy("progress")) is not None:
                        yield SamplerProgress(int(progress[0]), int(progress[1]))
                    if (pixels := result.as_numpy("image")) is not None:
                        index = int(result.as_numpy("image_index")[0])
                        missing.discard(index)
                        yield SamplerImage(index, pixels)
        finally:
            stream.cancel()
        if missing:
            raise SamplerFailedError("the sampler left pictures undone", "SAMPLER_FAILED")

    async def close(self) -> None:
        """Closes the connection."""
        await self._client.close()


async def _once(request: SamplerRequest) -> AsyncIterator[dict[str, Any]]:
    inputs = []
    for name, tensor in request.tensors().items():
        each = triton.InferInput(name, list(tensor.shape), np_to_triton_dtype(tensor.dtype))
        each.set_data_from_numpy(tensor)
        inputs.append(each)
    yield {"model_name": "sampler", "inputs": inputs}


@contextmanager
def _told_as_gateway_errors() -> Iterator[None]:
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise _translated(error.code(), error.details() or "") from error
    except InferenceServerException as error:
        raise _translated(grpc.StatusCode.UNKNOWN, error.message()) from error


def _translated(code: grpc.StatusCode, text: str) -> GatewayError:
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceededError("the pictures took too long", "DEADLINE_EXCEEDED")
    gone = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.CANCELLED)
    if code in gone or "not healthy" in text or "not ready" in text or "unknown model" in text:
        return UnavailableError("the inference server can't be reached", "SAMPLER_UNAVAILABLE")
    return SamplerFailedError("the models could not draw this request", "SAMPLER_FAILED")
