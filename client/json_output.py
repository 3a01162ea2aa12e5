"""JSON lines on stdout for programs, and nothing else there; errors are on stderr as well."""

import json
import sys
from pathlib import Path

from client.errors import LikenessError
from client.records import (
    Record,
    error_record,
    identity_record,
    picture_record,
    progress_record,
    training_record,
    verification_record,
)
from client.training import Training, TrainingUpdate
from likeness.v1 import generation_service_pb2 as generation_pb
from likeness.v1 import identity_service_pb2 as pb
from likeness.v1.provenance_service_pb2 import VerifyImageResponse


class JsonOutput:
    """Implements `Output`: one object a line, written at once."""

    def training_started(self, operation: str) -> None:
        _line({"event": "started", "operation": operation})

    def training_progress(self, update: TrainingUpdate) -> None:
        _line({"event": "progress", **progress_record(update.metadata)})

    def preview_saved(self, path: Path) -> None:
        _line({"event": "preview", "path": str(path)})

    def training_finished(self, identity: pb.Identity) -> None:
        _line({"event": "finished", "identity": identity_record(identity)})

    def generation_progress(self, progress: generation_pb.GenerationProgress) -> None:
        record = {"event": "progress", "step": progress.step, "total_steps": progress.total_steps}
        if progress.queue_position:
            record["queue_position"] = progress.queue_position
        _line(record)

    def picture_saved(self, path: Path, picture: generation_pb.GeneratedImage) -> None:
        _line({"event": "picture", "path": str(path), **picture_record(picture)})

    def picture_filtered(self, picture: generation_pb.GeneratedImage) -> None:
        _line({"event": "filtered", **picture_record(picture)})

    def identities(self, identities: list[pb.Identity]) -> None:
        for identity in identities:
            _line(identity_record(identity))

    def exported(self, identity: pb.Identity, path: Path) -> None:
        _line({"event": "exported", "path": str(path), "identity": identity_record(identity)})

    def verified(self, answer: VerifyImageResponse) -> None:
        _line({"event": "verified", **verification_record(answer)})

    def trainings(self, trainings: list[Training]) -> None:
        for training in trainings:
            _line(training_record(training))

    def done(self, event: str, name: str) -> None:
        _line({"event": event, "name": name})

    def interrupted(self, hint: str, operation: str | None) -> None:
        _line({"event": "interrupted", "operation": operation})
        print(hint, file=sys.stderr)

    def failed(self, error: LikenessError | OSError, hint: str = "") -> None:
        _line({"event": "error", **error_record(error)})
        print(f"Error: {error}\n{hint}".rstrip(), file=sys.stderr)

    def close(self) -> None:
        sys.stdout.flush()


def _line(record: Record) -> None:
    print(json.dumps(record, ensure_ascii=False), flush=True)
