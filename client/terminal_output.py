"""Progress bars and tables for people: results on stdout, what moves and errors on stderr."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from client.errors import LikenessError
from client.records import (
    identity_record,
    progress_record,
    training_record,
    verification_record,
)
from client.training import Training, TrainingUpdate
from likeness.v1 import generation_service_pb2 as generation_pb
from likeness.v1 import identity_service_pb2 as pb
from likeness.v1.provenance_service_pb2 import VerifyImageResponse

_STATE_STYLES = {
    "READY": "green",
    "SUCCEEDED": "green",
    "TRAINING": "cyan",
    "RUNNING": "cyan",
    "QUEUED": "yellow",
    "FAILED": "red",
    "CANCELLED": "dim",
}


_PIPE_WIDTH = 200  # columns of a table that goes into a file or another program


class TerminalOutput:
    """Implements `Output`."""

    def __init__(self) -> None:
        self._out = Console(soft_wrap=True, highlight=False)
        if not self._out.is_terminal:
            self._out.width = _PIPE_WIDTH
        self._messages = Console(stderr=True, soft_wrap=True, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=32, complete_style="cyan", finished_style="green"),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            disable=not self._messages.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._saved: list[str] = []  # said when the bar stands still

    def training_started(self, operation: str) -> None:
        self._messages.print(f"[dim]{operation}[/dim]")

    def training_progress(self, update: TrainingUpdate) -> None:
        record = progress_record(update.metadata)
        facts = ""
        if "loss" in record:
            facts = f"loss {record['loss']:.4f}"
        if record.get("seconds_left"):
            facts += f"  {record['seconds_left']:.0f} s left"
        if record.get("attempt", 1) > 1:
            facts += f"  attempt {record['attempt']}"
        if record["state"] == "QUEUED":
            facts = f"number {record.get('queue_position', 1)} in the queue"
        self.advance(
            f"Training [b]{_short_name(update.metadata.identity)}[/b]",
            update.metadata.step,
            update.metadata.total_steps,
            facts,
        )

    def preview_saved(self, path: Path) -> None:
        self._bar.console.print(f"[dim]on the way:[/dim] {escape(str(path))}")

    def training_finished(self, identity: pb.Identity) -> None:
        self.close()
        name = _short_name(identity.name)
        seconds = identity.ready_time.ToSeconds() - identity.create_time.ToSeconds()
        self._out.print(f"[green]{identity.name}[/green] is ready, {seconds} s after the request.")
        self._messages.print(f'Draw it: likeness generate "a photo of <{name}>" --out pictures')

    def generation_progress(self, progress: generation_pb.GenerationProgress) -> None:
        place = progress.queue_position
        waiting = f"number {place} in the queue" if place else ""
        self.advance("Drawing", progress.step, progress.total_steps, waiting)

    def picture_saved(self, path: Path, picture: generation_pb.GeneratedImage) -> None:
        size = f"{picture.width}x{picture.height}"
        self._saved.append(f"{escape(str(path))}  [dim]{size}, seed {picture.seed}[/dim]")

    def picture_filtered(self, picture: generation_pb.GeneratedImage) -> None:
        self._saved.append(
            f"[yellow]held back by the safety checker[/yellow]  [dim]seed {picture.seed}[/dim]"
        )

    def identities(self, identities: list[pb.Identity]) -> None:
        if not identities:
            self._messages.print("There are no identities yet: likeness train IMAGE --name NAME")
            return
        table = _table("Identity", "State", "Noun", "Tokens", "Requested")
        for identity in identities:
            record = identity_record(identity)
            tokens = f"{identity.stage_count} x 2 x {identity.token_width}"
            table.add_row(
                _short_name(record["name"]),
                _state(record["state"]),
                record.get("class_noun", ""),
                tokens if identity.stage_count else "",
                record.get("create_time", ""),
            )
        self._out.print(table)

    def exported(self, identity: pb.Identity, path: Path) -> None:
        self._out.print(f"{escape(str(path))}  [dim]{identity.artifact_digest}[/dim]")
        name, digest = _short_name(identity.name), identity.artifact_digest
        hint = f"likeness import {path} --name {name} --digest {digest}"
        self._messages.print(f"Where it is to be used: {escape(hint)}")

    def verified(self, answer: VerifyImageResponse) -> None:
        record = verification_record(answer)
        words = "drawn by this service" if answer.ours else "nothing says that it was drawn here"
        self._out.print(f"[green]{words}[/green]" if answer.ours else words)
        mark = "found" if answer.watermark.detected else "not found"
        self._out.print(f"watermark: {mark}, score {record['watermark']['score']}")
        found = record["content_credentials"]
        by = f", signed by {escape(found['issuer'])}" if "issuer" in found else ""
        made = ", machine-made" if "machine_made" in found else ""
        self._out.print(f"Content Credentials: {found['state'].lower()}{by}{made}")

    def trainings(self, trainings: list[Training]) -> None:
        if not trainings:
            self._messages.print("There are no trainings.")
            return
        table = _table("Operation", "Identity", "State", "Step", "Loss", "Requested")
        for training in trainings:
            record = training_record(training)
            steps = f"{record['step']}/{record['total_steps']}" if "step" in record else ""
            table.add_row(
                _short_name(record["operation"]),
                _short_name(record.get("identity", "")),
                _state(record["state"]),
                steps,
                f"{record['loss']:.4f}" if "loss" in record else "",
                record.get("create_time", ""),
            )
        self._out.print(table)

    def done(self, event: str, name: str) -> None:
        self._out.print(f"{name} {event}")

    def interrupted(self, hint: str, operation: str | None) -> None:  # noqa: ARG002
        self.close()
        self._messages.print(escape(hint))

    def failed(self, error: LikenessError | OSError, hint: str = "") -> None:
        self.close()
        self._messages.print(f"[bold red]Error:[/bold red] {escape(str(error))}")
        if hint:
            self._messages.print(escape(hint))

    def close(self) -> None:
        self._bar.stop()
        for line in self._saved:
            self._out.print(line)
        self._saved.clear()

    def advance(self, description: str, step: int, total: int, facts: str = "") -> None:
        """Moves the bar of this description, which appears at the first call."""
        if description not in self._tasks:
            self._tasks[description] = self._bar.add_task(description, total=None, facts="")
            self._bar.start()
        self._bar.update(self._tasks[description], completed=step, total=total or None, facts=facts)


def _short_name(name: str) -> str:
    return name.rpartition("/")[2]


def _state(state: str) -> str:
    style = _STATE_STYLES.get(state, "default")
    return f"[{style}]{state.lower()}[/{style}]"


def _table(*headers: str) -> Table:
    table = Table(*headers, box=None, header_style="bold", pad_edge=False)
    table.columns[0].no_wrap = True  # a name is there to be copied
    return table
