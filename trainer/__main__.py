"""``python -m trainer``: learns one identity without any server.

A field of the training config (docs/training.md) is set as ``--set steps=200``; values are JSON,
and words may go without quotes: ``--set attention_loss=none``.

Exit status: 0 the artifact is written; 2 the input is at fault, a retry won't help; 3 another
trainer works in the work directory; anything else may be retried.
"""

import argparse
import sys
import traceback
from pathlib import Path

from trainer.options import add_settings
from trainer.process import LockedError, spin_briefly
from trainer.progress import Events, events_for, to_stderr

INPUT_AT_FAULT, LOCKED, FAILED = 2, 3, 1


def main() -> int:
    """Runs the job of the command line; returns the exit status."""
    arguments = _parser().parse_args()
    with events_for(sys.stdout) as events:
        return _run(arguments, events)


def _run(arguments: argparse.Namespace, events: Events) -> int:
    spin_briefly()
    # Imported late: torch takes seconds, and wrong usage should be told at once.
    import torch
    from transformers.utils.logging import disable_progress_bar

    from basemodel import BaseModelError, load
    from trainer.config import configured
    from trainer.errors import InputError
    from trainer.job import Job
    from trainer.worker import Worker

    disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        job = Job(
            uid=arguments.out.stem,
            images=tuple(arguments.image),
            out=arguments.out,
            work=arguments.work_dir,
            class_noun=arguments.class_noun,
            config=configured(arguments.preset, dict(arguments.set)),
            seed=arguments.seed,
        )
        base = load(arguments.base_model, "cuda" if torch.cuda.is_available() else "cpu")
        worker = Worker(base, events)
        worker.add(job)
        while not worker.idle:
            worker.advance()
    except LockedError as error:
        to_stderr(str(error))
        return LOCKED
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
    return FAILED if worker.failures else 0


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
    add_settings(parser)
    parser.add_argument("--seed", type=int, default=0, help="of every random draw")
    return parser


if __name__ == "__main__":
    sys.exit(main())
