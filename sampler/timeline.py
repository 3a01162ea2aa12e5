"""Where a request's time goes, phase by phase."""

import time
from typing import Literal, get_args

Phase = Literal["text", "queue", "denoise", "decode"]
PHASES: tuple[Phase, ...] = get_args(Phase)
"""In a request's order: its text is encoded (and a picture that it starts from), it waits for its
first step, takes its steps, and its last pictures are decoded."""


class Timeline:
    """A request that goes from phase to phase, never back; it begins with the first."""

    def __init__(self) -> None:
        self._began = [time.monotonic()]

    def enter(self, phase: Phase) -> None:
        """The phase begins, unless it or a later one has begun."""
        missing = PHASES.index(phase) + 1 - len(self._began)
        self._began += [time.monotonic()] * missing

    def seconds(self) -> dict[Phase, float]:
        """How long each phase took, for a request that is done now."""
        ends = [*self._began[1:], time.monotonic()]
        took = (end - began for began, end in zip(self._began, ends, strict=True))
        return dict(zip(PHASES, took, strict=False))
