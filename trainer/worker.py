"""A warm worker: one base model, and the jobs that it trains together."""

import math
import time
import traceback
from collections.abc import Callable

from basemodel import BaseModel
from trainer.config import TrainingConfig
from trainer.job import Job, JobInHand
from trainer.loop import Training
from trainer.preview import preview_png, preview_steps
from trainer.progress import Events

_SAVE_SECONDS = 2.0
_SAVE_SHARE = 0.05  # of the time, where saving is slow
_TELL_SECONDS = 0.25
_PACE = 0.1  # weight of the last step in the mean time of a step


class Worker:
    """Trains jobs of one config in one batch; jobs come and go between steps.

    Each job's checkpoint is its own, so every step is a boundary at which another may join. What
    befalls one job between two steps, such as a directory that is gone, fails that one alone.

    Args:
        base: the frozen model.
        events: told what happens to each job.

    Attributes:
        failures: jobs that were given up on the way.
    """

    def __init__(self, base: BaseModel, events: Events) -> None:
        self._base, self._events = base, events
        self.failures = 0
        self._jobs: dict[str, JobInHand] = {}
        self._training: Training | None = None
        self._next_save = self._next_telling = 0.0
        self._step_seconds = 0.0

    @property
    def idle(self) -> bool:
        """Whether no job is in hand."""
        return not self._jobs

    def add(self, job: Job) -> None:
        """Takes a job in hand, from its last checkpoint on.

        Raises:
            InputError, LockedError: see :class:`JobInHand`; the others go on undisturbed.
            ValueError: the others have another config.
        """
        training = self._group(job.config)
        taken = JobInHand(self._base, job)
        try:
            training.join(taken.learner)
        except BaseException:
            taken.let_go()
            raise
        self._training = training
        self._jobs[job.uid] = taken
        step, total = taken.learner.step, job.config.steps
        self._events("started", job=job.uid, total_steps=total, resumed_from=step)
        self._next_telling = 0.0

    def stop(self, uid: str) -> None:
        """Lets a job go where it stands; one that is not in hand is no error."""
        if (taken := self._jobs.get(uid)) is not None:
            self._let_go(taken)
        self._events("stopped", job=uid)

    def advance(self) -> None:
        """One step of all jobs, and what is due after it. There must be a job."""
        assert self._training is not None
        if not self._training.done:
            began = time.monotonic()
            self._training.take_step()
            took = time.monotonic() - began
            pace = _PACE if self._step_seconds else 1.0
            self._step_seconds += pace * (took - self._step_seconds)
        for taken in list(self._jobs.values()):
            if not math.isfinite(taken.learner.losses.total):
                message = f"the loss is not finite after {taken.learner.step} steps"
                self._fail(taken, "DIVERGED", message)
        self._save_if_due()
        self._tell_if_due()
        self._for_each(self._finish_if_done)

    def _for_each(self, do: Callable[[JobInHand], None]) -> None:
        """Does something for each job; one for which it can't be done fails."""
        for taken in list(self._jobs.values()):
            try:
                do(taken)
            except Exception:
                traceback.print_exc()
                self._fail(taken, "INTERNAL", "training failed, see the trainer's log")

    def _group(self, config: TrainingConfig) -> Training:
        if self._training is None or self.idle:
            return Training(self._base, config)
        if config != self._training.config:
            raise ValueError("the jobs of a worker must have one config")
        return self._training

    def _finish_if_done(self, taken: JobInHand) -> None:
        if not taken.learner.done:
            return
        digest = taken.finish(self._base)
        self._let_go(taken)
        seconds = round(time.monotonic() - taken.started, 1)
        steps, uid = taken.learner.step, taken.job.uid
        self._events("finished", job=uid, steps=steps, seconds=seconds, digest=digest)

    def _fail(self, taken: JobInHand, reason: str, message: str) -> None:
        self.failures += 1
        self._let_go(taken)
        self._events("failed", job=taken.job.uid, reason=reason, message=message, input=False)

    def _let_go(self, taken: JobInHand) -> None:
        assert self._training is not None
        del self._jobs[taken.job.uid]
        self._training.leave(taken.learner)
        taken.let_go()

    def _save_if_due(self) -> None:
        now = time.monotonic()
        if now < self._next_save:
            return
        self._for_each(self._save)
        took = time.monotonic() - now
        self._next_save = now + max(_SAVE_SECONDS, took / _SAVE_SHARE)

    def _save(self, taken: JobInHand) -> None:
        taken.save()
        self._events("saved", job=taken.job.uid, step=taken.learner.step)

    def _tell_if_due(self) -> None:
        now = time.monotonic()
        due = now >= self._next_telling
        if due:
            self._next_telling = now + _TELL_SECONDS
        for taken in self._jobs.values():
            if due or taken.learner.done:
                self._tell(taken)
        self._for_each(self._show_if_due)

    def _show_if_due(self, taken: JobInHand) -> None:
        if taken.learner.step in preview_steps(taken.job):
            picture = preview_png(self._base, taken.learner)
            step = taken.learner.step
            self._events("preview", job=taken.job.uid, step=step, png=picture)

    def _tell(self, taken: JobInHand) -> None:
        learner, total = taken.learner, taken.job.config.steps
        steps_left = 0 if learner.done else total - learner.step
        self._events(
            "progress",
            job=taken.job.uid,
            step=learner.step,
            total_steps=total,
            loss=round(learner.losses.total, 6),
            denoising_loss=round(learner.losses.denoising, 6),
            attention_loss=round(learner.losses.attention, 9),
            seconds_left=round(self._step_seconds * steps_left, 1),
        )
