"""The processes: resumable, alone in a job's directory, warm, and gone with their parent."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    first = start("--set", "steps=1000000")
    assert next(first.events())["event"] == "started"
    assert start().process.wait() == 3


def worker_process(checkpoint: Path, **options: str) -> subprocess.Popen[str]:
    settings = {"base-model": str(checkpoint), "idle-seconds": "60", "memory-limit": str(2**40)}
    settings |= {name.replace("_", "-"): value for name, value in options.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "trainer.work", "--set", "steps=3", "--set", "views=1"]
        + [f"--{name}={value}" for name, value in settings.items()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def events_until(process: subprocess.Popen[str], *last: str) -> list[dict[str, Any]]:
    assert process.stdout is not None
    events: list[dict[str, Any]] = []
    while not events or events[-1]["event"] not in last:
        events.append(json.loads(process.stdout.readline()))
    return events


def train(folder: Path, uid: str, image: str) -> dict[str, Any]:
    """The command to train a job."""
    return {
        "command": "train",
        "job": uid,
        "image": str(folder / image),
        "out": str(folder / f"{uid}.safetensors"),
        "work": str(folder / "work" / uid),
        "class_noun": "person",
        "preset": "default",
        "seed": 0,
        "previews": 0,
        "traceparent": "",
    }


def test_a_worker_stays_warm_and_leaves_when_it_is_too_large(
    checkpoint: Path, photo: bytes, tmp_path: Path
) -> None:
    (tmp_path / "image").write_bytes(photo)
    (tmp_path / "bad").write_bytes(b"")
    with worker_process(checkpoint, memory_limit="1") as process:
        assert process.stdin is not None
        commands = [
            train(tmp_path, uid, image)
            for uid, image in (("ann", "image"), ("bad", "bad"), ("bea", "image"))
        ]
        process.stdin.write("".join(json.dumps(each) + "\n" for each in commands))
        events = events_until(process, "finished")
        events += events_until(process, "finished")
        assert process.wait() == 0  # larger than a byte, and so it leaves when all are done
    assert [(each["job"], each["input"]) for each in events if each["event"] == "failed"] == [
        ("bad", True)
    ]
    for uid in ("ann", "bea"):
        (digested,) = (each["digest"] for each in events if each["job"] == uid and "digest" in each)
        assert digest((tmp_path / f"{uid}.safetensors").read_bytes()) == digested


def test_a_job_that_is_stopped_while_the_model_loads_is_never_begun(
    checkpoint: Path, photo: bytes, tmp_path: Path
) -> None:
    (tmp_path / "image").write_bytes(photo)
    with worker_process(checkpoint, memory_limit="1") as process:
        assert process.stdin is not None
        commands = [
            train(tmp_path, "unwanted", "image"),
            train(tmp_path, "wanted", "image"),
            {"command": "stop", "job": "unwanted"},
        ]
        process.stdin.write("".join(json.dumps(each) + "\n" for each in commands))
        events = events_until(process, "finished")
    assert events[0] == {"event": "stopped", "job": "unwanted"}
    assert {each["job"] for each in events[1:]} == {"wanted"}
    assert not (tmp_path / "work" / "unwanted").exists()


def test_a_worker_leaves_when_idle_and_with_its_parent(checkpoint: Path) -> None:
    with worker_process(checkpoint, idle_seconds="0.1") as idle:
        assert idle.wait() == 0
    with worker_process(checkpoint) as orphan:
        assert orphan.stdin is not None
        orphan.stdin.close()
        assert orphan.wait() == 4


def test_faults_of_the_input_are_final(start: Start) -> None:
    status, events = start(image=b"").finish()
    assert status == 2
    assert (events[-1]["event"], events[-1]["reason"]) == ("failed", "INVALID_IMAGE")
    assert events[-1]["message"].startswith("image: is empty")


def test_a_missing_base_model_may_be_retried(start: Start, tmp_path: Path) -> None:
    status, events = start("--base-model", str(tmp_path / "absent")).finish()
    assert status == 1
    assert events[-1]["reason"] == "BASE_MODEL"
