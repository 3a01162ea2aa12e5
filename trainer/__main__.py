"""``python -m trainer``: learns one identity without any server.

A field of the training config (docs/training.md) is set as ``--set steps=200``; values are JSON,
and words may go without quotes: ``--set attention_loss=none``.

Exit status: 0 the artifact is written; 2 the input is at fault, a retry won't help; 3 another
trainer works in the work directory; 4 the parent is gone; anything else may be retried.
"""

import argparse
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from trainer.process import LockedError, exit_with_parent, lock
from trainer.progress import Events, events_for, to_stderr

INPUT_AT_FAULT, LOCKED, PARENT_GONE, FAILED = 2, 3, 4, 1


def main() -> int:
    """Runs the job of the command line; returns the exit status."""
    arguments = _parser().parse_args()
    if arguments.parent_fd is not None:
        exit_with_parent(arguments.parent_fd, PARENT_GONE)
    try:
        lock(arguments.work_dir)
    except LockedError as error:
        to_stderr(str(error))
        return LOCKED
    with events_for(sys.stdout) as events:
        return _run(arguments, events)


def _run(arguments: argparse.Namespace, events: Events) -> int:
    # Threads that spin while they wait make a training several times slower on a machine that
    # does anything else; OpenMP reads this when torch loads it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Imported late: torch takes seconds, and lock and parent are watched from the first moment.
    from transformers.utils.logging import disable_progress_bar

    from basemodel import BaseModelError
    from trainer.config import configured
    from trainer.errors import InputError
    from trainer.job import Job, run

    disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        job = Job(
            images=tuple(arguments.image),
            out=arguments.out,
            work=arguments.work_dir,
            base_model=arguments.base_model,
            class_noun=arguments.class_noun,
            config=configured(arguments.preset, dict(arguments.set)),
            seed=arguments.seed,
        )
        run(job, events)
    except InputError as error:
        events("failed", reason=error.reason, message=str(error))
        return INPUT_AT_FAULT
    except BaseModelError as error:
        events("failed", reason="BASE_MODEL", message=str(error))
        return FAILED
    except Exception:
        traceback.print_exc()
        events("failed", reason="INTERNAL", message="training failed, see the trainer's log")
        return FAILED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainer", description="Learns an identity from one image or several."
    )
    parser.add_argument(
        "--image", type=Path, required=True, action="append", help="source image; may be repeated"
    )
    parser.add_argument("--out", type=Path, required=True, help="artifact to write (.safetensors)")
    parser.add_argument("--work-dir", type=Path, required=True, help="checkpoints and the lock")
    parser.add_argument("--base-model", required=True, help="diffusers directory or hub id")
    parser.add_argument("--class-noun", default="person", help="what the image shows")
    parser.add_argument("--preset", default="default", choices=("default", "paper"))
    parser.add_argument(
        "--set",
        type=_setting,
        default=[],
        action="append",
        metavar="FIELD=VALUE",
        help="another value than the preset's; may be repeated",
    )
    parser.add_argument("--seed", type=int, default=0, help="of every random draw")
    parser.add_argument("--parent-fd", type=int, help="a pipe; at its end the process exits")
    return parser


def _setting(text: str) -> tuple[str, Any]:
    field, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"must be FIELD=VALUE, got {text}")
    try:
        return field, json.loads(value)
    except json.JSONDecodeError:
        return field, value


if __name__ == "__main__":
    sys.exit(main())
