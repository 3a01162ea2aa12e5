"""The training process: resumable, alone in its directory, gone with its parent."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from identity import Identity, digest
from tests.trainer.conftest import TrainerProcess

Start = Callable[..., TrainerProcess]


def test_killed_and_resumed_gives_the_same_artifact(
    start: Start, photo: bytes, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.write_bytes(photo)
    options = ("--set", "steps=40", "--set", "loss_weight=uniform", "--image", str(second))
    status, events = start(*options, work="whole", out="whole.safetensors").finish()
    assert status == 0
    assert [events[0]["event"], events[-1]["event"]] == ["started", "finished"]
    whole = (tmp_path / "whole.safetensors").read_bytes()
    assert events[-1]["digest"] == digest(whole)

    killed = start(*options, work="parts", out="parts.safetensors")
    for event in killed.events():
        if event["event"] == "progress" and event["step"] > 1:
            killed.process.send_signal(signal.SIGKILL)
            break
    assert killed.process.wait() == -signal.SIGKILL
    assert not (tmp_path / "parts.safetensors").exists()

    status, events = start(*options, work="parts", out="parts.safetensors").finish()
    assert status == 0
    assert 0 < events[0]["resumed_from"] < events[0]["total_steps"]
    assert (tmp_path / "parts.safetensors").read_bytes() == whole
    identity = Identity.from_bytes(whole)
    assert identity.tokens.shape == (5, 2, 32)
    assert identity.class_noun == "person"
    config = identity.training["config"]
    assert (config["steps"], config["loss_weight"], config["stages"]) == (40, "uniform", 5)


def test_one_trainer_a_directory(start: Start) -> None:
    first = start()
    assert next(first.events())["event"] == "started"
    assert start().process.wait() == 3


def test_the_process_is_gone_with_its_parent(start: Start, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    trainer = start("--parent-fd", str(reading), pass_fds=[reading])
    os.close(reading)
    for event in trainer.events():
        if event["event"] == "progress":
            break
    os.close(writing)
    assert trainer.process.wait() == 4
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("image", "option", "reason", "message"),
    [
        (b"", "--seed=1", "INVALID_IMAGE", "image: is empty"),
        (None, "--class-noun=qzxjkv", "UNKNOWN_CLASS_NOUN", "class_noun: must be a word that is"),
        (None, "--set=stages=11", "INVALID_CONFIG", "stages: must be less than or equal to 10"),
    ],
)
def test_faults_of_the_input_are_final(
    start: Start, photo: bytes, image: bytes | None, option: str, reason: str, message: str
) -> None:
    trainer = start(option, image=photo if image is None else image)
    status, events = trainer.finish()
    assert status == 2
    assert (events[-1]["event"], events[-1]["reason"]) == ("failed", reason)
    assert events[-1]["message"].startswith(message)


def test_a_missing_base_model_may_be_retried(start: Start, tmp_path: Path) -> None:
    status, events = start("--base-model", str(tmp_path / "absent")).finish()
    assert status == 1
    assert events[-1]["reason"] == "BASE_MODEL"
