"""The sampler as a decoupled model of Triton's Python backend.

One instance keeps all requests in flight: Triton calls :meth:`TritonPythonModel.execute` for each
arrival without waiting for the last one, and all of them share one asyncio event loop.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import triton_python_backend_utils as pb_utils

from identity import ServingBundle
from sampler.engine import Array, EngineError
from sampler.job import CancelledByCaller, Pixels
from sampler.loop import Sampler
from sampler.request import INPUTS, RequestError, parse_request

log = logging.getLogger(__name__)


class TritonEngine:
    """Runs the bundle's other models by business logic scripting (BLS)."""

    async def __call__(self, model: str, inputs: Mapping[str, Array], output: str) -> Array:
        """Runs a model; see :class:`sampler.engine.Engine`."""
        request = pb_utils.InferenceRequest(
            model_name=model,
            requested_output_names=[output],
            inputs=[
                pb_utils.Tensor(name, np.ascontiguousarray(tensor))
                for name, tensor in inputs.items()
            ],
        )
        response = await request.async_exec()
        if response.has_error():
            raise EngineError(f"{model}: {response.error().message()}")
        # A copy: the tensor is a view of shared memory that goes with the response.
        return np.array(pb_utils.get_output_tensor_by_name(response, output).as_numpy())


class TritonCaller:
    """The caller behind a request of the Python backend."""

    def __init__(self, request: Any) -> None:
        self._sender = request.get_response_sender()

    def cancelled(self) -> bool:
        """Whether the client has gone."""
        return bool(self._sender.is_cancelled())

    def progress(self, done: int, total: int) -> None:
        """Sends ``progress``."""
        self._send(progress=np.array([done, total], np.int32))

    def picture(self, index: int, pixels: Pixels) -> None:
        """Sends ``image`` and ``image_index``."""
        self._send(image=pixels, image_index=np.array([index], np.int32))

    def end(self) -> None:
        """Closes the stream."""
        self._sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def fail(self, message: str, code: int) -> None:
        """Closes the stream with an error."""
        self._sender.send(
            pb_utils.InferenceResponse(error=pb_utils.TritonError(message, code)),
            flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL,
        )

    def _send(self, **tensors: Array) -> None:
        outputs = [pb_utils.Tensor(name, tensor) for name, tensor in tensors.items()]
        self._sender.send(pb_utils.InferenceResponse(outputs))


class TritonPythonModel:
    """What Triton's Python backend looks for in ``model.py``."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Reads the bundle that the model repository stands in."""
        torch.set_num_threads(1)  # a step's arithmetic is tiny; the cores are the engines'
        directory = Path(args["model_repository"]).parents[1]
        self._bundle = ServingBundle.load(directory)
        token_embeddings = np.load(directory / "token_embeddings.npy")
        self._vocabulary = len(token_embeddings)
        self._sampler = Sampler(
            self._bundle,
            token_embeddings,
            json.loads((directory / "scheduler.json").read_text()),
            TritonEngine(),
        )

    async def execute(self, requests: list[Any]) -> None:
        """Draws the requests; each one's answers go out as they come up."""
        self._sampler.start()
        await asyncio.gather(*map(self._serve, requests))

    async def _serve(self, request: Any) -> None:
        caller = TritonCaller(request)
        tensors = {
            name: None if tensor is None else tensor.as_numpy()
            for name in INPUTS
            for tensor in [pb_utils.get_input_tensor_by_name(request, name)]
        }
        try:
            wanted = parse_request(tensors, self._bundle, self._vocabulary)
            await self._sampler.draw(wanted, caller)
        except RequestError as error:
            caller.fail(str(error), pb_utils.TritonError.INVALID_ARG)
        except CancelledByCaller:
            caller.fail("cancelled", pb_utils.TritonError.CANCELLED)
        except EngineError as error:
            caller.fail(str(error), pb_utils.TritonError.UNAVAILABLE)
        except Exception:
            log.exception("a request failed")
            caller.fail("the sampler failed; its log says why", pb_utils.TritonError.INTERNAL)
        else:
            caller.end()
