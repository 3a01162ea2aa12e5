"""What a job is named by, and what another process is told of its faults."""

import pickle
from dataclasses import replace
from pathlib import Path

from basemodel import BaseModel
from trainer.config import TrainingConfig
from trainer.errors import InputError
from trainer.job import Job, fingerprint


def test_a_training_is_named_by_all_that_it_depends_on(base: BaseModel) -> None:
    job = Job(
        "uid", (Path("image"),), Path("out"), Path("work"), "person", TrainingConfig(), seed=0
    )
    images = [b"image"]
    others = [
        fingerprint(job, [b"other"], base),
        fingerprint(replace(job, class_noun="dog"), images, base),
        fingerprint(replace(job, config=TrainingConfig(steps=3)), images, base),
        fingerprint(replace(job, seed=1), images, base),
        fingerprint(job, images, replace(base, digest="sha256:other")),
        fingerprint(job, images, replace(base, initial_words={})),
    ]
    name = fingerprint(job, images, base)
    assert len({name, *others}) == 1 + len(others)
    elsewhere = replace(job, uid="other", work=Path("elsewhere"), out=Path("there"), previews=3)
    assert fingerprint(elsewhere, images, base) == name


def test_a_fault_reaches_another_process_as_it_is() -> None:
    fault = pickle.loads(pickle.dumps(InputError("INVALID_IMAGE", "image: is empty")))
    assert type(fault) is InputError
    assert (fault.reason, str(fault)) == ("INVALID_IMAGE", "image: is empty")
