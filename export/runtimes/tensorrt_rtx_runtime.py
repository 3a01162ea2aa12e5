"""TensorRT-RTX on an NVIDIA GPU; not run here, for want of one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from export.manifest import PLAN, EngineManifest, EngineMismatchError
from export.target import Target
from export.tensorrt_library import gpu_capability, library


class TensorRtRtx:
    """Runs an engine on tensors that lie on the GPU; nothing is copied and the host never waits.

    Args:
        directory: holds one ``.plan`` and its manifest.
        base_model_digest: of the bundle that the engine must belong to.

    Raises:
        export.manifest.EngineMismatchError: the engine is not whole or for another version or GPU,
            or there is no GPU.
    """

    def __init__(self, directory: Path, base_model_digest: str) -> None:
        engine = next(iter(directory.glob(f"*{PLAN}")), None)
        if engine is None:
            raise EngineMismatchError(f"{directory} holds no engine")
        trt = library(Target.TENSORRT_RTX)
        EngineManifest.load(engine).check(
            trt.target, trt.version, gpu_capability() or "none", base_model_digest
        )
        self._logger = trt.module.Logger(trt.module.Logger.ERROR)
        self._runtime = trt.module.Runtime(self._logger)
        self._engine = self._runtime.deserialize_cuda_engine(engine.read_bytes())
        if self._engine is None:
            raise EngineMismatchError(f"{engine} can't be read: export it again")
        # One profile for each bucket of rows; a context keeps its own, so none is ever switched.
        self._contexts = [
            self._engine.create_execution_context()
            for _ in range(self._engine.num_optimization_profiles)
        ]
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        for index, context in enumerate(self._contexts):
            context.set_optimization_profile_async(index, self._stream.cuda_stream)
        self._output = next(
            name
            for name in map(self._engine.get_tensor_name, range(self._engine.num_io_tensors))
            if self._engine.get_tensor_mode(name) == trt.module.TensorIOMode.OUTPUT
        )

    def __call__(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Runs the graph on named float32 tensors of the GPU; its one output, on the GPU.

        Raises:
            ValueError: no profile takes these shapes.
        """
        context = self._context_for(inputs)
        current = torch.cuda.current_stream()
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            for name, tensor in inputs.items():
                context.set_input_shape(name, tuple(tensor.shape))
                context.set_tensor_address(name, tensor.data_ptr())
                tensor.record_stream(self._stream)
            shape = tuple(context.get_tensor_shape(self._output))
            output = torch.empty(shape, device="cuda")
            context.set_tensor_address(self._output, output.data_ptr())
            context.execute_async_v3(self._stream.cuda_stream)
        current.wait_stream(self._stream)
        return output

    def _context_for(self, inputs: Mapping[str, Tensor]) -> Any:
        for index, context in enumerate(self._contexts):
            if all(self._takes(index, name, tensor) for name, tensor in inputs.items()):
                return context
        shapes = {name: list(tensor.shape) for name, tensor in inputs.items()}
        raise ValueError(f"no profile of the engine takes {shapes}")

    def _takes(self, profile: int, name: str, tensor: Tensor) -> bool:
        low, _, high = self._engine.get_tensor_profile_shape(name, profile)
        return all(
            least <= side <= most for least, side, most in zip(low, tensor.shape, high, strict=True)
        )
