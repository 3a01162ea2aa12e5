"""Runs a command's coroutine: connection, Ctrl-C, and errors that a person can read."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import grpc
import typer

from client.access import Access
from client.client import LikenessClient
from client.errors import LikenessError
from client.json_output import JsonOutput
from client.output import Output
from client.pictures import save_picture
from client.terminal_output import TerminalOutput
from client.training import TrainingUpdate
from likeness.v1.identity_service_pb2 import TrainIdentityMetadata

_FAILED, _INTERRUPTED = 1, 128 + signal.SIGINT

_NOT_REACHED = "Is it running there? `make up` starts the local stack."


class CommandRunner:
    """Runs one command and tells its end.

    Args:
        output: where events go.
        address: of the service.
        access: TLS and credential.
    """

    def __init__(self, output: Output, address: str, access: Access) -> None:
        self._output, self._address, self._access = output, address, access
        self._training: str | None = None

    def run(self, command: Callable[[LikenessClient], Awaitable[None]]) -> None:
        """Runs a command. Raises `typer.Exit` with the exit code unless it succeeds."""
        try:
            asyncio.run(self._with_client(command))
        except (LikenessError, OSError) as error:
            self._output.failed(error, self._hint(error))
            raise typer.Exit(_FAILED) from None
        except KeyboardInterrupt:
            self._output.interrupted(self._goes_on() or "Stopped.", self._training)
            raise typer.Exit(_INTERRUPTED) from None
        finally:
            self._output.close()

    def follow_training(
        self,
        updates: Callable[[LikenessClient], AsyncIterator[TrainingUpdate]],
        previews: Path,
    ) -> None:
        """Shows a training until it is done; it goes on if this stops.

        Args:
            updates: of the training.
            previews: directory of the pictures on the way.
        """

        async def follow(client: LikenessClient) -> None:
            async for update in updates(client):
                if self._training is None:
                    self._training = update.operation
                    self._output.training_started(update.operation)
                self._output.training_progress(update)
                if update.metadata.preview:
                    self._output.preview_saved(_save_preview(previews, update.metadata))
                if update.identity is not None:
                    self._output.training_finished(update.identity)

        self.run(follow)

    async def _with_client(self, command: Callable[[LikenessClient], Awaitable[None]]) -> None:
        async with LikenessClient(self._address, access=self._access) as client:
            await command(client)

    def _hint(self, error: LikenessError | OSError) -> str:
        unreachable = (
            isinstance(error, LikenessError)
            and error.code is grpc.StatusCode.UNAVAILABLE
            and not error.reason
        )
        return (self._goes_on() or _NOT_REACHED) if unreachable else ""

    def _goes_on(self) -> str:
        if self._training is None:
            return ""
        return f"The training goes on. To see it: likeness watch {self._training}"


def output_of(as_json: bool) -> Output:
    """For programs or for people."""
    return JsonOutput() if as_json else TerminalOutput()


def runner_of(context: typer.Context, output: Output, address: str) -> CommandRunner:
    """A command's runner, with the access that stands before the command."""
    access: Access = context.find_root().obj
    return CommandRunner(output, address, access)


def _save_preview(directory: Path, metadata: TrainIdentityMetadata) -> Path:
    stem = f"{metadata.identity.rpartition('/')[2]}-step{metadata.step}"
    return save_picture(directory, stem, metadata.preview, "image/png")
