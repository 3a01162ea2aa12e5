"""A bundle's models by PyTorch in the sampler's own process: neither TensorRT nor Triton."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from basemodel import BaseModel
from export.graphs import graphs
from identity import STAGES
from sampler.engine import Array

_WARM_CALLS = 3  # before a capture; libraries choose their kernels


class TorchEngine:
    """Runs the modules that are exported; see :class:`sampler.engine.Engine`.

    On a GPU the U-Net is captured as a CUDA graph for each number of rows at its first call, so
    that a call's time is the GPU's and not Python's. As in Triton, an array that was the last
    call's too is not sent again.

    Args:
        base: its parts move to the device.
        device: ``cuda`` or ``cpu``.

    Attributes:
        seconds: of the U-Net's calls by their rows, copies to and from the device included.
    """

    def __init__(self, base: BaseModel, device: str) -> None:
        self._graphs = {graph.name: graph for graph in graphs(base, STAGES)}
        for graph in self._graphs.values():
            graph.module.to(device)
        self._device = torch.device(device)
        self._calls: dict[tuple[Any, ...], _Call] = {}
        self._thread = ThreadPoolExecutor(1)  # CUDA's graphs are replayed one after another
        self.seconds: dict[int, list[float]] = defaultdict(list)

    async def __call__(self, model: str, inputs: Mapping[str, Array], output: str) -> Array:  # noqa: ARG002
        """Runs a model while the event loop goes on."""
        arrays = [inputs[name] for name in self._graphs[model].inputs]
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._run, model, arrays
        )

    def _run(self, model: str, arrays: list[Array]) -> Array:
        key = (model, *(array.shape for array in arrays))
        if key not in self._calls:
            captured = model == "unet" and self._device.type == "cuda"
            self._calls[key] = _Call(self._graphs[model].module, arrays, self._device, captured)
        began = time.monotonic()
        answer = self._calls[key](arrays)
        if model == "unet":
            self.seconds[len(arrays[0])].append(time.monotonic() - began)
        return answer


class _Call:
    """A module for inputs of one shape, as a CUDA graph where it is to be captured."""

    def __init__(
        self, module: nn.Module, arrays: list[Array], device: torch.device, captured: bool
    ) -> None:
        self._module = module
        self._inputs = [torch.tensor(each, device=device) for each in arrays]  # copies, always
        self._sent: list[Array | None] = [None] * len(arrays)
        self._graph: torch.cuda.CUDAGraph | None = None
        if not captured:
            return
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.no_grad(), torch.cuda.stream(aside):
            for _ in range(_WARM_CALLS):
                module(*self._inputs)
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.no_grad(), torch.cuda.graph(self._graph):
            self._output: Tensor = module(*self._inputs)

    def __call__(self, arrays: list[Array]) -> Array:
        for place, (there, array) in enumerate(zip(self._inputs, arrays, strict=True)):
            if self._sent[place] is not array:
                there.copy_(torch.from_numpy(np.ascontiguousarray(array)))
                self._sent[place] = array
        if self._graph is None:
            with torch.no_grad():
                self._output = self._module(*self._inputs)
        else:
            self._graph.replay()
        answer: Array = self._output.cpu().numpy()
        return answer
