"""Calls the `sampler` model of Triton: one request out, progress and pictures back on a stream."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import tritonclient.grpc.aio as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from identity import ServingBundle
from service.errors import ModelDiedError, UnavailableError
from service.sampler_events import SamplerEvent, SamplerImage, events_of
from service.sampler_request import SamplerRequest
from service.triton_errors import translated
from telemetry.tracing import carrier

SAMPLER = "sampler"
MODELS = (SAMPLER, "text_encoder", "unet", "vae_decoder", "vae_encoder")
"""Those of every bundle."""
SAFETY_CHECKER = "safety_checker"

SILENCE_SECONDS = 10.0
"""A drawing that hears nothing for so long is lost: its sampler has died, or the way to it. Every
two seconds the sampler tells that it lives, and no engine keeps it from that however long a step
takes; a busy machine may, for some of the time.
"""

LOAD_SECONDS = 120.0
"""How long we wait for a model to be loaded. One that takes longer is loaded all the same."""

_CHANNEL = [
    ("grpc.max_receive_message_length", 64 * 2**20),
    # A restarted Triton is found again within a second.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
]
# Errors of a model end the stream with a status code instead of coming as a text within it.
_STRICT_ERRORS = {"triton_grpc_error": "true"}


def models_of(bundle: ServingBundle) -> tuple[str, ...]:
    """The models that draw with a bundle; one may judge pictures."""
    return MODELS if bundle.safety_checker is None else (*MODELS, SAFETY_CHECKER)


@dataclass(eq=False)
class _OpenStream:
    """A stream of answers; ``lost``: the sampler that wrote to it has died."""

    answers: Any
    lost: bool = False


class SamplerClient:
    """Triton, as far as the gateway is concerned.

    Args:
        url: Triton's gRPC address.
        probe_seconds: longest wait for a sign of life of the server.
    """

    def __init__(self, url: str, probe_seconds: float) -> None:
        self._client = triton.InferenceServerClient(url, channel_args=_CHANNEL)
        self._probe_seconds = probe_seconds
        self._open: set[_OpenStream] = set()

    async def ready(self) -> bool:
        """Whether every bundle's models are loaded. Whether processes live, a heartbeat tells."""
        try:
            return not await self.missing()
        except UnavailableError:
            return False

    async def missing(self, models: Sequence[str] = MODELS) -> list[str]:
        """Models that are not loaded. Raises :class:`UnavailableError`."""
        async with self._probing():
            loaded = await asyncio.gather(*map(self._client.is_model_ready, models))
        return [model for model, ready in zip(models, loaded, strict=True) if not ready]

    async def absent(self) -> list[str]:
        """Models that the repository holds for us and that are not loaded, or not yet.

        Raises :class:`UnavailableError`.
        """
        async with self._probing():
            index = await self._client.get_model_repository_index()
        needed = (*MODELS, SAFETY_CHECKER)
        return [each.name for each in index.models if each.name in needed and each.state != "READY"]

    async def version(self) -> str:
        """The server's version. Raises :class:`UnavailableError`."""
        async with self._probing():
            return str((await self._client.get_server_metadata()).version)

    async def heartbeat(self, time_limit: float) -> None:
        """Lets the sampler call every model for real, and returns when all have answered.

        Args:
            time_limit: seconds that it may take.

        Raises:
            ModelDiedError, DeadlineExceededError, UnavailableError, SamplerFailedError: see there.
        """
        tensors = {"heartbeat": np.ones(1, np.int32)}
        async with aclosing(self._stream(tensors, time_limit, None)) as answers:
            async for _ in answers:
                pass

    async def unload(self, model: str) -> None:
        """Unloads a model whose process has died.

        A dead sampler leaves its streams open for ever: they are told that it has died.

        Raises:
            UnavailableError, SamplerFailedError: see there.
        """
        if model == SAMPLER:
            for stream in self._open:
                stream.lost = True
                stream.answers.cancel()
        with _told_as_gateway_errors():
            await self._client.unload_model(model, client_timeout=LOAD_SECONDS)

    async def load(self, model: str) -> None:
        """Loads a model; while others load it, waits until they have.

        Raises:
            UnavailableError, SamplerFailedError: it can't be loaded.
        """
        with _told_as_gateway_errors():
            await self._client.load_model(model, client_timeout=LOAD_SECONDS)

    async def sample(
        self, request: SamplerRequest, time_limit: float
    ) -> AsyncGenerator[SamplerEvent]:
        """Draws; closing the iterator ends the work at the next step.

        Args:
            request: what to draw.
            time_limit: seconds that it may take.

        Raises:
            ModelDiedError, UnavailableError, ResourceExhaustedError, DeadlineExceededError,
            SamplerFailedError: see there.
        """
        missing = set(range(len(request.seeds)))
        tensors = request.tensors(time_limit)
        async with aclosing(self._stream(tensors, time_limit, SILENCE_SECONDS)) as answers:
            async for answer in answers:
                for event in events_of(answer):
                    if isinstance(event, SamplerImage):
                        missing.discard(event.index)
                    yield event
        if missing:
            raise ModelDiedError(SAMPLER)

    async def close(self) -> None:
        """Closes the connection."""
        await self._client.close()

    @asynccontextmanager
    async def _probing(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._probe_seconds):
                yield
        except (InferenceServerException, TimeoutError) as error:
            message = "the inference server can't be reached"
            raise UnavailableError(message, "SAMPLER_UNAVAILABLE") from error

    async def _stream(
        self,
        tensors: Mapping[str, npt.NDArray[Any]],
        time_limit: float,
        silence_limit: float | None,
    ) -> AsyncGenerator[Any]:
        """The sampler's answers to one request.

        Args:
            tensors: the request.
            time_limit: seconds that all of them may take.
            silence_limit: seconds that one may take; None: as long as all.
        """
        answers = self._client.stream_infer(
            _once(tensors), stream_timeout=time_limit, headers={**_STRICT_ERRORS, **carrier()}
        )
        stream = _OpenStream(answers)
        self._open.add(stream)
        try:
            with _told_as_gateway_errors():
                while (answer := await _next(answers, silence_limit)) is not None:
                    result, error = answer
                    if error is not None:
                        raise error
                    yield result
        except asyncio.CancelledError:
            if stream.lost:
                raise ModelDiedError(SAMPLER) from None
            raise
        finally:
            self._open.discard(stream)
            answers.cancel()


async def _next(answers: Any, silence_limit: float | None) -> Any:
    """The next of a stream's answers; None after the last one."""
    try:
        async with asyncio.timeout(silence_limit):
            return await anext(answers, None)
    except TimeoutError:
        message = "the inference server has fallen silent"
        raise UnavailableError(message, "SAMPLER_UNAVAILABLE") from None


async def _once(tensors: Mapping[str, npt.NDArray[Any]]) -> AsyncIterator[dict[str, Any]]:
    inputs = []
    for name, tensor in tensors.items():
        each = triton.InferInput(name, list(tensor.shape), np_to_triton_dtype(tensor.dtype))
        each.set_data_from_numpy(tensor)
        inputs.append(each)
    yield {"model_name": SAMPLER, "inputs": inputs}


@contextmanager
def _told_as_gateway_errors() -> Iterator[None]:
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise translated(error.code(), error.details() or "") from error
    except InferenceServerException as error:
        raise translated(grpc.StatusCode.UNKNOWN, error.message()) from error
