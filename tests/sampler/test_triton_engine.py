"""What Triton is handed for a step: the arrays' own memory, and each prompt once."""

import sys
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from sampler.engine import Array, Engine, EngineError


class Server:
    """Stands for ``triton_python_backend_utils``; keeps what it is sent."""

    TRITONSERVER_MEMORY_CPU = 0

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.broken = False
        self.Tensor = SimpleNamespace(
            from_dlpack=lambda name, tensor: SimpleNamespace(
                name=name, memory=torch.from_dlpack(tensor)
            )
        )

    def PreferredMemory(self, kind: int, device: int) -> tuple[int, int]:
        return kind, device

    def InferenceRequest(self, inputs: list[Any], **options: Any) -> Any:
        assert options["preferred_memory"] == (self.TRITONSERVER_MEMORY_CPU, 0)

        async def answer() -> Any:
            self.calls.append({tensor.name: tensor for tensor in inputs})
            error = SimpleNamespace(message=lambda: "broken")
            return SimpleNamespace(has_error=lambda: self.broken, error=lambda: error)

        return SimpleNamespace(async_exec=answer)

    def get_output_tensor_by_name(self, *_: object) -> Any:
        return SimpleNamespace(as_numpy=lambda: np.zeros(1, np.float32))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", server)  # type: ignore[arg-type]
    monkeypatch.delitem(sys.modules, "sampler.triton_engine", raising=False)
    return server


@pytest.fixture
def engine(server: Server) -> Engine:
    from sampler.triton_engine import TritonEngine

    return TritonEngine("openvino")


@pytest.fixture
def step() -> Callable[[Array], dict[str, Array]]:
    """Inputs of a step with a given prompt; the sample is another one each time."""
    return lambda prompt: {"sample": np.ones((2, 4), np.float32), "prompt_embeds_0": prompt}


async def test_passes_the_arrays_own_memory(
    server: Server, engine: Engine, step: Callable[[Array], dict[str, Array]]
) -> None:
    inputs = step(np.ones((2, 77), np.float32))
    await engine("unet", inputs, "noise_pred")
    sent = {name: tensor.memory.data_ptr() for name, tensor in server.calls[0].items()}
    assert sent == {name: array.ctypes.data for name, array in inputs.items()}


async def test_a_prompt_is_handed_over_once_for_all_its_steps(
    server: Server, engine: Engine, step: Callable[[Array], dict[str, Array]]
) -> None:
    prompt = np.ones((2, 77), np.float32)
    for each in (prompt, prompt, prompt.copy()):
        await engine("unet", step(each), "noise_pred")
    first, second, third = server.calls
    assert second["prompt_embeds_0"] is first["prompt_embeds_0"]
    assert third["prompt_embeds_0"] is not first["prompt_embeds_0"]
    assert second["sample"] is not first["sample"]


async def test_what_a_failed_call_was_sent_is_sent_anew(
    server: Server, engine: Engine, step: Callable[[Array], dict[str, Array]]
) -> None:
    prompt = np.ones((2, 77), np.float32)
    server.broken = True
    with pytest.raises(EngineError, match="unet: broken"):
        await engine("unet", step(prompt), "noise_pred")
    server.broken = False
    await engine("unet", step(prompt), "noise_pred")
    first, second = server.calls
    assert second["prompt_embeds_0"] is not first["prompt_embeds_0"]


async def test_a_heartbeat_takes_the_place_of_what_was_sent_before(
    server: Server, engine: Engine, step: Callable[[Array], dict[str, Array]]
) -> None:
    inputs = step(np.ones((2, 77), np.float32))
    await engine("unet", inputs, "noise_pred")
    sent = [weakref.ref(array) for array in inputs.values()]
    del inputs
    await engine("unet", step(np.zeros((1, 77), np.float32)), "noise_pred")
    server.calls.clear()
    assert [array() for array in sent] == [None, None]
