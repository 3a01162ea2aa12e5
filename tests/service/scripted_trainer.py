"""Speaks the worker's protocol and does as told: for faults that a real trainer has too rarely.

``--plan`` names what each attempt of a job does, the last one repeated; with semicolons, jobs of
seed 0, 1, ... have plans of their own. Attempts: succeed, crash, refuse,
busy, stall (a step, then nothing), wait (a step, then nothing until somebody opens the pipe ``go``
beside the checkpoint), deaf (stalls and takes no further command), silent (the process ends without
a word), damaged, chatter. It counts each job's attempts in the job's checkpoint. With ``--loads``
it listens to nobody until somebody opens that pipe.
"""

import argparse
import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from identity import Identity, digest

STEPS = 4
PREVIEW = b"a picture"


def say(**event: object) -> None:
    print(json.dumps(event), flush=True)


def progress(job: str, step: int) -> None:
    say(
        event="progress",
        job=job,
        step=step,
        total_steps=STEPS,
        loss=1.0 / step,
        denoising_loss=0.5 / step,
        attention_loss=0.25,
        seconds_left=float(STEPS - step),
    )


def artifact(seed: int, noun: str, model: str, stages: int) -> bytes:
    tokens = np.random.default_rng(seed).standard_normal((stages, 2, 32)).astype(np.float32)
    return Identity(tokens, model, noun).to_bytes()


def attempts(work: Path) -> int:
    work.mkdir(parents=True, exist_ok=True)
    with (work / "checkpoint.pt").open("a") as notes:
        notes.write("x")
    return (work / "checkpoint.pt").stat().st_size


def train(command: dict[str, Any], arguments: argparse.Namespace) -> None:
    job = command["job"]
    assert Path(command["image"]).stat().st_size > 0
    attempt = attempts(Path(command["work"]))
    plans = arguments.plan.split(";")
    plan = plans[min(command["seed"], len(plans) - 1)].split(",")
    action = plan[min(attempt, len(plan)) - 1]
    if action == "busy":
        say(event="failed", job=job, reason="LOCKED", message="in use", input=False)
        return
    say(event="started", job=job, total_steps=STEPS, resumed_from=attempt - 1)
    match action:
        case "stall" | "deaf":
            progress(job, 1)
            if action == "deaf":
                while os.read(sys.stdin.fileno(), 1024):
                    pass
                os._exit(4)
            return
        case "wait":
            pipe = Path(command["work"]) / "go"
            os.mkfifo(pipe)
            progress(job, 1)
            pipe.open().close()
        case "crash":
            print("out of luck", file=sys.stderr)
            os._exit(9)
        case "silent":
            os._exit(0)
        case "refuse":
            message = "image: shows nothing to learn"
            say(event="failed", job=job, reason="INVALID_IMAGE", message=message, input=True)
            return
        case "chatter":
            print("not JSON\n[1]\n{}", json.dumps({"event": "progress", "job": job}), sep="\n")
            print('{"event": "progress", "step": 2, "loss": NaN}')
    for step in range(1, STEPS + 1):
        progress(job, step)
    if command["previews"]:
        say(event="preview", job=job, step=2, png=base64.b64encode(PREVIEW).decode())
    data = artifact(command["seed"], command["class_noun"], arguments.model, arguments.stages)
    reported = digest(b"another") if action == "damaged" else digest(data)
    Path(command["out"]).write_bytes(data)
    say(event="finished", job=job, steps=STEPS, seconds=0.1, digest=reported)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stages", type=int, default=5)
    parser.add_argument("--loads", type=Path)
    for name in ("plan", "model", "base-model", "idle-seconds", "memory-limit"):
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()
    if arguments.loads:
        arguments.loads.open().close()
    while line := sys.stdin.readline():
        command = json.loads(line)
        if command["command"] == "train":
            train(command, arguments)
        else:
            say(event="stopped", job=command["job"])


if __name__ == "__main__":
    main()
