"""What all training phases share: resumable states, a log of JSON lines, a progress bar."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from faceworld.settings import Settings

_SAVE_SECONDS, _LOG_SECONDS, _RISE_STEPS = 120.0, 10.0, 100


def save_atomically(value: Any, path: Path) -> None:
    """Writes beside `path`, then renames: readers and crashes never see half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    torch.save(value, partial)
    partial.replace(path)


def set_rate(optimizer: torch.optim.Optimizer, peak: float, step: int, fraction: float) -> None:
    """Learning rate: a short linear rise, then half a cosine down to zero at `fraction` 1."""
    rise = min(1.0, (step + 1) / _RISE_STEPS)
    for group in optimizer.param_groups:
        group["lr"] = peak * rise * 0.5 * (1 + math.cos(math.pi * fraction))


@dataclass
class Phase:
    """One resumable phase of training.

    Every object in `parts` has `state_dict` and `load_state_dict`; together with the step, the
    time spent and the random generators they are saved now and then, and at the end.
    """

    name: str
    settings: Settings
    parts: dict[str, Any]
    steps: int
    step: int = 0
    seconds: float = 0.0
    _last_save: float = field(default=0.0, init=False)
    _last_log: float = field(default=0.0, init=False)

    @property
    def state_path(self) -> Path:
        """Where the phase's state lies."""
        return self.settings.work / f"{self.name}.state.pt"

    @property
    def fraction(self) -> float:
        """How much of the phase is done, by steps or by time, whichever is nearer its end."""
        by_steps = self.step / self.steps
        limit = self.settings.time_limit
        return by_steps if limit is None else min(1.0, max(by_steps, self.seconds / limit))

    def resume(self) -> None:
        """Goes on from a saved state if there is one."""
        if not self.state_path.exists():
            return
        state = torch.load(self.state_path, weights_only=True)
        for name, part in self.parts.items():
            part.load_state_dict(state["parts"][name])
        self.step, self.seconds = state["step"], state["seconds"]
        torch.set_rng_state(state["random"])

    def save(self) -> None:
        """Writes the state."""
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        state = {
            "parts": parts,
            "step": self.step,
            "seconds": self.seconds,
            "random": torch.get_rng_state(),
        }
        save_atomically(state, self.state_path)
        self._last_save = time.monotonic()

    def log(self, *, force: bool = False, **values: float) -> None:
        """Appends a JSON line, at most one every few seconds unless forced."""
        now = time.monotonic()
        if not force and now - self._last_log < _LOG_SECONDS:
            return
        self._last_log = now
        line = {"phase": self.name, "step": self.step, "seconds": round(self.seconds, 1)}
        line |= {key: float(f"{float(value):.5g}") for key, value in values.items()}
        with (self.settings.work / "log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def __iter__(self) -> Iterator[int]:
        """Steps still to do; keeps the time, saves now and then and when done."""
        self._last_save = time.monotonic()
        columns = (
            TextColumn("{task.description:>10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns) as progress:
            task = progress.add_task(self.name, total=self.steps, completed=self.step)
            while self.fraction < 1:
                started = time.monotonic()
                yield self.step
                self.step += 1
                self.seconds += time.monotonic() - started
                progress.update(task, completed=self.step)
                if time.monotonic() - self._last_save > _SAVE_SECONDS:
                    self.save()
        self.save()
