"""Commands about trainings."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import typer

from client.client import LikenessClient
from client.connection import DEFAULT_ADDRESS
from client.names import OPERATIONS, resource_name
from client.options import (
    Address,
    AsJson,
    ConsentBy,
    ConsentPurpose,
    ConsentTime,
    PreviewsTo,
    parse_consent,
)
from client.run import output_of, runner_of
from client.training import Lesson, TrainingUpdate


def train(
    context: typer.Context,
    image: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="The picture to learn from.")
    ],
    name: Annotated[str, typer.Option(help="Name of the identity; <NAME> in prompts.")],
    class_noun: Annotated[str, typer.Option(help="What it is: person, dog, ...")] = "person",
    preset: Annotated[str, typer.Option(help="default or paper.")] = "default",
    seed: Annotated[int, typer.Option(help="Same seed, same identity.")] = 0,
    previews: Annotated[int, typer.Option(help="Pictures to show on the way.")] = 3,
    previews_to: PreviewsTo = Path("previews"),
    timeout: Annotated[float | None, typer.Option(help="Seconds that it may take in all.")] = None,
    consent_by: ConsentBy = "",
    consent_purpose: ConsentPurpose = "",
    consent_time: ConsentTime = None,
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Learn an identity from one image. Ctrl-C leaves the training running."""

    lesson = Lesson(class_noun=class_noun, preset=preset, seed=seed, preview_count=previews)
    lesson["consent"] = parse_consent(consent_by, consent_purpose, consent_time)
    if timeout is not None:
        lesson["timeout"] = timeout

    def updates(client: LikenessClient) -> AsyncIterator[TrainingUpdate]:
        return client.train(image, name, **lesson)

    runner_of(context, output_of(as_json), address).follow_training(updates, previews_to)


def watch(
    context: typer.Context,
    operation: Annotated[str, typer.Argument(help="operations/...")],
    previews_to: PreviewsTo = Path("previews"),
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Show the progress of a training until it is done."""
    runner = runner_of(context, output_of(as_json), address)
    runner.follow_training(lambda client: client.watch(operation), previews_to)


def operations(
    context: typer.Context, address: Address = DEFAULT_ADDRESS, as_json: AsJson = False
) -> None:
    """List the trainings, newest first."""
    output = output_of(as_json)

    async def list_all(client: LikenessClient) -> None:
        output.trainings([training async for training in client.list_operations()])

    runner_of(context, output, address).run(list_all)


def cancel(
    context: typer.Context,
    operation: Annotated[str, typer.Argument(help="operations/...")],
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """End a training."""
    output, name = output_of(as_json), resource_name(OPERATIONS, operation)

    async def end(client: LikenessClient) -> None:
        await client.cancel_operation(name)
        output.done("cancelled", name)

    runner_of(context, output, address).run(end)
