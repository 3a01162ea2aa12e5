"""The `likeness` command. Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import typer

from client.access import API_KEY, CERTIFICATE, KEY, ROOTS, TOKEN_FILE, Access
from client.client import DEFAULT_ADDRESS, LikenessClient
from client.generation import PriorityName, SchedulerName
from client.json_output import JsonOutput
from client.names import IDENTITIES, OPERATIONS, placeholder_bindings, resource_name
from client.options import parse_bindings, parse_strengths
from client.output import Output
from client.pictures import picture_stem, save_picture
from client.run import CommandRunner
from client.terminal_output import TerminalOutput
from client.training import Lesson, TrainingUpdate
from likeness.v1.generation_service_pb2 import GeneratedImage, GenerationProgress
from telemetry.tracing import TracingError, span, start_tracing

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Address = Annotated[
    str, typer.Option(envvar="LIKENESS_ADDRESS", metavar="HOST:PORT", help="Where the service is.")
]
PreviewsTo = Annotated[Path, typer.Option(file_okay=False, help="Where pictures on the way go.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON lines on stdout and nothing else.")]


@app.callback()
def reach(
    context: typer.Context,
    roots: Annotated[
        Path | None,
        typer.Option(
            envvar=ROOTS,
            exists=True,
            dir_okay=False,
            help="PEM file of the authorities to check the service's certificate against.",
        ),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(envvar=CERTIFICATE, exists=True, dir_okay=False, help="Own PEM certificate."),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(envvar=KEY, exists=True, dir_okay=False, help="Its private key."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(envvar=TOKEN_FILE, exists=True, dir_okay=False, help="Holds a token (JWT)."),
    ] = None,
) -> None:
    """Learn a likeness from one image and draw it anywhere.

    TLS is spoken to every address but a loopback one. An API key goes into LIKENESS_API_KEY.
    """
    try:
        api_key = os.environ.get(API_KEY, "")
        context.obj = Access(roots, certificate, key, api_key, token_file)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@app.command()
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
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Learn an identity from one image. Ctrl-C leaves the training running."""

    lesson = Lesson(class_noun=class_noun, preset=preset, seed=seed, preview_count=previews)
    if timeout is not None:
        lesson["timeout"] = timeout

    def updates(client: LikenessClient) -> AsyncIterator[TrainingUpdate]:
        return client.train(image, name, **lesson)

    _runner(context, _output(as_json), address).follow_training(updates, previews_to)


@app.command()
def watch(
    context: typer.Context,
    operation: Annotated[str, typer.Argument(help="operations/...")],
    previews_to: PreviewsTo = Path("previews"),
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Show the progress of a training until it is done."""
    runner = _runner(context, _output(as_json), address)
    runner.follow_training(lambda client: client.watch(operation), previews_to)


@app.command()
def generate(
    context: typer.Context,
    prompt: Annotated[str, typer.Argument(help='Text such as "a photo of <ann> at the beach".')],
    out: Annotated[Path, typer.Option(file_okay=False, help="Where the pictures go.")],
    images: Annotated[int | None, typer.Option(help="Number of pictures.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Weight of the prompt.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same picture.")] = None,
    negative: Annotated[str, typer.Option(help="What to keep out of the picture.")] = "",
    identity: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORD=IDENTITY", help="What <WORD> stands for; identities/WORD if not given."
        ),
    ] = None,
    scheduler: Annotated[SchedulerName | None, typer.Option(help="The solver.")] = None,
    width: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    height: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    strength: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORD=0..1",
            help="How much of the identity to draw; with commas, for each stage.",
        ),
    ] = None,
    init_image: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A picture to start from.")
    ] = None,
    init_strength: Annotated[
        float | None, typer.Option(help="How far to depart from it, up to 1.")
    ] = None,
    priority: Annotated[PriorityName | None, typer.Option(help="Whose turn it is.")] = None,
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Draw pictures. Ctrl-C cancels the drawing."""
    bindings = placeholder_bindings(prompt) | parse_bindings(identity or [])
    strengths = parse_strengths(strength or [])
    output = _output(as_json)

    async def draw(client: LikenessClient) -> None:
        async for event in client.stream_generate(
            prompt,
            bindings,
            negative_prompt=negative,
            image_count=images,
            steps=steps,
            guidance_scale=guidance,
            seed=seed,
            scheduler=scheduler,
            width=width,
            height=height,
            strengths=strengths,
            init_image=init_image,
            init_strength=init_strength,
            priority=priority,
        ):
            if isinstance(event, GeneratedImage):
                stem = picture_stem(prompt, event.seed)
                output.picture_saved(save_picture(out, stem, event.data, event.mime_type), event)
            elif isinstance(event, GenerationProgress):
                output.generation_progress(event)

    _runner(context, output, address).run(draw)


@app.command()
def identities(
    context: typer.Context, address: Address = DEFAULT_ADDRESS, as_json: AsJson = False
) -> None:
    """List the identities, newest first."""
    output = _output(as_json)

    async def list_all(client: LikenessClient) -> None:
        output.identities([identity async for identity in client.list_identities()])

    _runner(context, output, address).run(list_all)


@app.command()
def operations(
    context: typer.Context, address: Address = DEFAULT_ADDRESS, as_json: AsJson = False
) -> None:
    """List the trainings, newest first."""
    output = _output(as_json)

    async def list_all(client: LikenessClient) -> None:
        output.trainings([training async for training in client.list_operations()])

    _runner(context, output, address).run(list_all)


@app.command()
def cancel(
    context: typer.Context,
    operation: Annotated[str, typer.Argument(help="operations/...")],
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """End a training."""
    output, name = _output(as_json), resource_name(OPERATIONS, operation)

    async def end(client: LikenessClient) -> None:
        await client.cancel_operation(name)
        output.done("cancelled", name)

    _runner(context, output, address).run(end)


@app.command()
def delete(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The identity.")],
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Delete an identity with all that was learned; a training under way is cancelled."""
    output, full_name = _output(as_json), resource_name(IDENTITIES, name)

    async def remove(client: LikenessClient) -> None:
        await client.delete_identity(full_name)
        output.done("deleted", full_name)

    _runner(context, output, address).run(remove)


def _output(as_json: bool) -> Output:
    return JsonOutput() if as_json else TerminalOutput()


def _runner(context: typer.Context, output: Output, address: str) -> CommandRunner:
    access: Access = context.find_root().obj
    return CommandRunner(output, address, access)


def main() -> None:
    """Entry point."""
    try:
        end_tracing = start_tracing("likeness-client")
    except TracingError as error:
        sys.exit(str(error))
    try:
        with span("likeness"):
            app(prog_name="likeness")
    finally:
        end_tracing()
