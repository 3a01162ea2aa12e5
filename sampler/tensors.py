"""A request's tensors, with the checks that all of them share."""

from collections.abc import Mapping

from sampler.engine import Array


class RequestError(ValueError):
    """A request that can't be drawn; the message names the tensor and the limit."""


class Tensors:
    """The tensors of one request by name; None or no entry is an absent one."""

    def __init__(self, tensors: Mapping[str, Array | None]) -> None:
        self._tensors = tensors

    def optional(self, name: str) -> Array | None:
        """A tensor, or None."""
        return self._tensors.get(name)

    def required(self, name: str) -> Array:
        """A tensor that must be there. Raises :class:`RequestError`."""
        tensor = self._tensors.get(name)
        if tensor is None:
            raise RequestError(f"{name} is missing")
        return tensor

    def number(self, name: str, least: float, most: float, default: float | None = None) -> float:
        """The one number of a tensor, within limits. Raises :class:`RequestError`."""
        if default is not None and self.optional(name) is None:
            return default
        tensor = self.required(name)
        if tensor.shape != (1,):
            raise RequestError(f"{name} must be [1], got {list(tensor.shape)}")
        number = round(float(tensor[0]), 6)  # .01 as a float32 is less than .01
        if not least <= number <= most:  # NaN fails it too
            raise RequestError(f"{name} must be {least:g} to {most:g}, got {number:g}")
        return number

    def text(self, name: str, most: int, default: str) -> str:
        """The one text of a tensor. Raises :class:`RequestError`."""
        tensor = self.optional(name)
        if tensor is None:
            return default
        if tensor.shape != (1,):
            raise RequestError(f"{name} must be [1], got {list(tensor.shape)}")
        text = bytes(tensor[0]).decode(errors="replace")
        if len(text) > most:
            raise RequestError(f"{name} has {len(text)} characters, the limit is {most}")
        return text
