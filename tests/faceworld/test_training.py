"""Training goes on where it was stopped."""

from pathlib import Path

import pytest
import torch
from torch import nn

from faceworld.settings import Settings
from faceworld.training import Phase, save_atomically


def phase_of(folder: Path, steps: int) -> tuple[Phase, nn.Linear]:
    torch.manual_seed(0)
    model = nn.Linear(3, 3)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    phase = Phase("toy", Settings(work=folder), {"model": model, "optimizer": optimizer}, steps)
    phase.resume()
    return phase, model


def work(phase: Phase, model: nn.Linear, stop_at: int | None = None) -> None:
    for step in phase:
        if step == stop_at:
            phase.save()
            return
        loss = model(torch.randn(4, 3)).square().mean()
        phase.parts["optimizer"].zero_grad()
        loss.backward()
        phase.parts["optimizer"].step()


def test_resumed_run_equals_a_whole_run(tmp_path: Path) -> None:
    whole, expected = phase_of(tmp_path / "whole", 20)
    work(whole, expected)
    work(*phase_of(tmp_path / "parts", 20), stop_at=7)
    resumed, model = phase_of(tmp_path / "parts", 20)
    assert resumed.step == 7
    work(resumed, model)
    assert torch.equal(model.weight, expected.weight)


def test_finished_phase_does_nothing(tmp_path: Path) -> None:
    work(*phase_of(tmp_path, 5))
    again, model = phase_of(tmp_path, 5)
    before = model.weight.clone()
    work(again, model)
    assert torch.equal(model.weight, before)


def test_failed_save_leaves_the_old_state(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    save_atomically({"step": 1}, path)
    with pytest.raises((AttributeError, TypeError, RuntimeError)):
        save_atomically({"step": lambda: None}, path)
    assert torch.load(path) == {"step": 1}
