"""Speaks the trainer's protocol and does as told: for faults that a real trainer has too rarely.

``--plan`` names what each attempt does, the last one repeated: succeed, crash, refuse, hang,
stall (a step, then hangs), silent (exit 0 and no artifact), damaged, chatter. It notes its attempts
in the work directory and leaves when the parent goes, as the real one does.
"""

import argparse
import json
import os
import sys
import threading
from pathlib import Path

import numpy as np

from identity import Identity, digest

STEPS = 4


def say(**event: object) -> None:
    print(json.dumps(event), flush=True)


def progress(step: int) -> None:
    say(
        event="progress",
        step=step,
        total_steps=STEPS,
        loss=1.0 / step,
        denoising_loss=0.5 / step,
        attention_loss=0.25,
        seconds_left=float(STEPS - step),
    )


def leave_with_parent(descriptor: int) -> None:
    os.read(descriptor, 1)
    os._exit(4)


def artifact(seed: int, noun: str, model: str, stages: int) -> bytes:
    tokens = np.random.default_rng(seed).standard_normal((stages, 2, 32)).astype(np.float32)
    return Identity(tokens, model, noun).to_bytes()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stages", type=int, default=5)
    for name in ("plan", "model", "image", "out", "work-dir", "base-model", "class-noun", "preset"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--parent-fd", type=int, required=True)
    arguments = parser.parse_args()
    threading.Thread(target=leave_with_parent, args=(arguments.parent_fd,), daemon=True).start()
    assert Path(arguments.image).stat().st_size > 0
    notes = Path(arguments.work_dir) / "attempts"
    notes.parent.mkdir(parents=True, exist_ok=True)
    with notes.open("a") as file:
        file.write("x")
    attempt = notes.stat().st_size
    plan = arguments.plan.split(",")
    action = plan[min(attempt, len(plan)) - 1]
    if action == "hang":
        threading.Event().wait()
    say(event="started", total_steps=STEPS, resumed_from=attempt - 1)
    if action == "chatter":
        print("not JSON\n[1]\n{}", json.dumps({"event": "progress", "step": "x"}), sep="\n")
        progress(1)
        print('{"event": "progress", "step": 2, "loss": NaN}')
    if action == "stall":
        progress(1)
        threading.Event().wait()
    if action == "crash":
        print("out of luck", file=sys.stderr)
        return 9
    if action == "refuse":
        say(event="failed", reason="INVALID_IMAGE", message="image: shows nothing to learn")
        return 2
    if action == "silent":
        return 0
    for step in range(1, STEPS + 1):
        progress(step)
    data = artifact(arguments.seed, arguments.class_noun, arguments.model, arguments.stages)
    reported = digest(b"another") if action == "damaged" else digest(data)
    Path(arguments.out).write_bytes(data)
    say(event="finished", steps=STEPS, seconds=0.1, digest=reported)
    return 0


if __name__ == "__main__":
    sys.exit(main())
