"""Limits of the sampler, read from the environment of Triton's process."""

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class SamplerSettings:
    """Limits of the sampler.

    Attributes:
        max_waiting: requests of one tenant that may wait for their first step.
        conditioning_cache_bytes: memory for encoded prompts; 0 switches the cache off.
        conditioning_cache_seconds: after which an encoded prompt that nobody uses is erased.
    """

    max_waiting: int = 64
    conditioning_cache_bytes: int = 256 * 2**20
    conditioning_cache_seconds: int = 300

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "SamplerSettings":
        """``LIKENESS_SAMPLER_`` and the field's name in capitals.

        Raises:
            ValueError: a value is not a number of the field's range.
        """
        return cls(
            _whole(environment, "max_waiting", 1, cls.max_waiting),
            _whole(environment, "conditioning_cache_bytes", 0, cls.conditioning_cache_bytes),
            _whole(environment, "conditioning_cache_seconds", 1, cls.conditioning_cache_seconds),
        )


def _whole(environment: Mapping[str, str], field: str, least: int, default: int) -> int:
    name = f"LIKENESS_SAMPLER_{field.upper()}"
    text = environment.get(name, str(default))
    if not text.isdecimal() or int(text) < least:
        raise ValueError(f"{name} must be a whole number from {least}, got {text!r}")
    return int(text)
