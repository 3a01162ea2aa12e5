"""The sampler as a decoupled model of Triton's Python backend."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sampler.interface import declare


class TritonPythonModel:
    """What Triton's Python backend looks for in ``model.py``.

    Before it loads the model, Triton asks for its tensors in a process of its own. That one need
    not wait for PyTorch, so what draws is imported in the other.
    """

    @staticmethod
    def auto_complete_config(config: Any) -> Any:
        """Tells Triton the model's tensors."""
        return declare(config)

    def initialize(self, args: Mapping[str, str]) -> None:
        """Reads the bundle that the model repository stands in."""
        from sampler.triton_service import TritonService

        self._service = TritonService(Path(args["model_repository"]).parents[1])

    async def execute(self, requests: list[Any]) -> None:
        """Draws the requests; each one's answers go out as they come up."""
        await self._service.serve(requests)

    def finalize(self) -> None:
        """Ends the loop."""
        self._service.stop()
