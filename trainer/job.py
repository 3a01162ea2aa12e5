"""One job: images in, identity artifact out, resumable at any moment."""

import hashlib
import importlib.metadata
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from basemodel import BaseModel
from identity import Identity, digest
from trainer.checkpoint import Checkpoint
from trainer.config import TrainingConfig
from trainer.image import decode_image
from trainer.learner import Learner
from trainer.process import DirectoryLock, write_atomically
from trainer.progress import to_stderr
from trainer.views import make_views

_LIBRARIES = ("diffusers", "likeness", "torch", "transformers")


@dataclass(frozen=True)
class Job:
    """What to learn, and where.

    Attributes:
        uid: names the job in events.
        images: paths of the source images, all of one subject.
        out: path of the artifact.
        work: directory of the checkpoint.
        class_noun: what the image shows.
        config: training settings.
        seed: of every random draw.
        previews: pictures to show on the way.
    """

    uid: str
    images: tuple[Path, ...]
    out: Path
    work: Path
    class_noun: str
    config: TrainingConfig
    seed: int
    previews: int = 0


class JobInHand:
    """A job with its learner, alone in its directory until it is let go.

    The same job gives the same artifact, however often it was stopped on the way.

    Args:
        base: the frozen model.
        job: what to learn.

    Raises:
        InputError: images, class noun or config are at fault.
        LockedError: another process has the job in hand.
    """

    def __init__(self, base: BaseModel, job: Job) -> None:
        self.job = job
        self.started = time.monotonic()
        self._lock = DirectoryLock(job.work)
        try:
            files = [_read(path) for path in job.images]
            images = [
                decode_image(data, *base.image_size, "image" if len(files) == 1 else f"images[{i}]")
                for i, data in enumerate(files)
            ]
            views = make_views(base, images, job.config, job.seed)
            self.learner = Learner(base, job.config, job.class_noun, views, job.seed)
            name = fingerprint(job, files, base)
            self._checkpoint = Checkpoint(job.work / "checkpoint.pt", name)
            self._checkpoint.restore(self.learner)
        except BaseException:
            self._lock.release()
            raise

    def save(self) -> None:
        """Writes the checkpoint."""
        self._checkpoint.save(self.learner)

    def finish(self, base: BaseModel) -> str:
        """Writes the artifact; returns its digest."""
        artifact = to_identity(self.learner, base, self.job).to_bytes()
        write_atomically(self.job.out, artifact)
        norm = float(self.learner.result().norm(dim=-1).mean())
        to_stderr(f"finished after {self.learner.step} steps, mean token norm {norm:.4f}")
        return digest(artifact)

    def let_go(self) -> None:
        """Leaves the job as its last checkpoint has it."""
        self._lock.release()


def to_identity(learner: Learner, base: BaseModel, job: Job) -> Identity:
    """The artifact; nothing in it depends on when or in how many pieces it was learned."""
    return Identity(
        tokens=learner.result().contiguous().numpy(),
        base_model_digest=base.digest,
        class_noun=job.class_noun,
        training={
            "config": job.config.to_json(),
            "seed": job.seed,
            "versions": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        },
    )


def fingerprint(job: Job, images: Sequence[bytes], base: BaseModel) -> str:
    """Names a training: a checkpoint of another one is never gone on from."""
    names = [digest(image) for image in images]
    words = base.initial_words.get(job.class_noun, ())  # which the digest leaves out
    parts = [names, base.digest, words, job.class_noun, job.config.to_json(), job.seed]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:  # without the path, which may hold a user's name
        raise RuntimeError(f"the image file can't be read: {error.strerror}") from None
