"""A worker's jobs: trained together, each with a fate of its own."""

import base64
import io
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from basemodel import BaseModel
from identity import Identity, digest
from trainer.config import TrainingConfig
from trainer.errors import InputError
from trainer.job import Job
from trainer.learner import Learner
from trainer.process import LockedError
from trainer.worker import Worker

CONFIG = TrainingConfig(steps=6, views=3)


class Told(list[dict[str, Any]]):
    """Events, in order."""

    def __call__(self, event: str, **fields: Any) -> None:
        self.append({"event": event, **fields})

    def of(self, uid: str, event: str) -> list[dict[str, Any]]:
        return [each for each in self if (each["job"], each["event"]) == (uid, event)]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def worker(base: BaseModel, told: Told) -> Worker:
    return Worker(base, told)


def job(folder: Path, photo: bytes, uid: str, seed: int = 0, **others: Any) -> Job:
    image = folder / f"{uid}.png"
    image.write_bytes(photo)
    return Job(
        uid=uid,
        images=(image,),
        out=folder / f"{uid}.safetensors",
        work=folder / uid,
        class_noun=others.pop("class_noun", "person"),
        config=others.pop("config", CONFIG),
        seed=seed,
        **others,
    )


def finish(worker: Worker) -> None:
    while not worker.idle:
        worker.advance()


def test_a_group_learns_what_each_learns_alone(
    base: BaseModel, worker: Worker, told: Told, tmp_path: Path, photo: bytes
) -> None:
    jobs = [job(tmp_path, photo, f"job-{seed}", seed) for seed in range(3)]
    worker.add(jobs[0])
    worker.advance()
    worker.add(jobs[1])
    with pytest.raises(InputError):
        worker.add(job(tmp_path, b"no image", "bad"))
    with pytest.raises(InputError):
        worker.add(job(tmp_path, photo, "odd", class_noun="zyzzyva"))
    worker.advance()
    worker.add(jobs[2])
    finish(worker)
    assert [each["job"] for each in told if each["event"] == "finished"] == [
        each.uid for each in jobs
    ]
    for each in jobs:
        (finished,) = told.of(each.uid, "finished")
        together = each.out.read_bytes()
        assert finished["digest"] == digest(together)
        worker.add(replace(each, uid="alone", work=tmp_path / "alone"))
        finish(worker)
        alone = Identity.from_bytes(each.out.read_bytes())
        difference = alone.tokens - Identity.from_bytes(together).tokens
        # Steps go to .02; where a gradient is nearly zero, rounding decides on Adam's sign.
        assert abs(difference).mean() < 1e-4


def test_a_job_that_diverges_fails_alone(
    worker: Worker, told: Told, tmp_path: Path, photo: bytes
) -> None:
    for uid in ("ill", "well"):
        worker.add(job(tmp_path, photo, uid))
    worker.advance()
    ill = worker._jobs["ill"].learner
    with torch.no_grad():
        ill.tokens.word.fill_(float("nan"))
    finish(worker)
    (failed,) = told.of("ill", "failed")
    assert (failed["reason"], failed["input"]) == ("DIVERGED", False)
    assert told.of("well", "finished")
    assert not (tmp_path / "ill.safetensors").exists()


def test_what_befalls_a_job_between_steps_fails_it_alone(
    worker: Worker, told: Told, tmp_path: Path, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(_base: BaseModel, _learner: Learner) -> str:
        raise torch.cuda.OutOfMemoryError

    monkeypatch.setattr("trainer.worker.preview_png", too_large)
    ill = [
        job(tmp_path, photo, "erased"),
        job(tmp_path, photo, "shown", previews=1),
        replace(job(tmp_path, photo, "nowhere"), out=tmp_path / "absent" / "artifact"),
    ]
    for each in (*ill, job(tmp_path, photo, "well")):
        worker.add(each)
    shutil.rmtree(ill[0].work)
    finish(worker)
    for each in ill:
        (failed,) = told.of(each.uid, "failed")
        assert (failed["reason"], failed["input"]) == ("INTERNAL", False)
        assert not told.of(each.uid, "finished")
    assert told.of("well", "finished")
    assert not told.of("well", "failed")


def test_a_stopped_job_goes_on_where_it_was(
    base: BaseModel, worker: Worker, told: Told, tmp_path: Path, photo: bytes
) -> None:
    stopped, other = job(tmp_path, photo, "stopped"), job(tmp_path, photo, "other", 1)
    worker.add(stopped)
    worker.add(other)
    worker.advance()
    with pytest.raises(LockedError):
        Worker(base, told).add(stopped)
    worker.stop("stopped")
    worker.stop("stopped")
    worker.stop("unknown")
    assert len(told.of("stopped", "stopped")) == 2
    worker.add(stopped)
    assert told.of("stopped", "started")[1]["resumed_from"] == 1
    finish(worker)
    assert told.of("stopped", "finished")[0]["steps"] == CONFIG.steps
    assert told.of("other", "finished")[0]["steps"] == CONFIG.steps


def test_progress_tells_time_and_shows_pictures(
    base: BaseModel, worker: Worker, told: Told, tmp_path: Path, photo: bytes
) -> None:
    worker.add(job(tmp_path, photo, "seen", previews=2))
    finish(worker)
    progress = told.of("seen", "progress")
    assert progress[0]["seconds_left"] > 0
    assert (progress[-1]["step"], progress[-1]["seconds_left"]) == (CONFIG.steps, 0)
    previews = told.of("seen", "preview")
    assert [each["step"] for each in previews] == [2, 4]
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(each["png"])), formats=["PNG"]) for each in previews
    ]
    assert [each.size for each in pictures] == [base.image_size[::-1]] * 2
    assert pictures[0].tobytes() != pictures[1].tobytes()
