"""``python -m deploy.demo``: one image in, eight pictures and a contact sheet out.

Runs against a stack that is up. What an earlier run left is replaced: the identity `demo`, the
sheet and the single pictures beside it.
"""

import asyncio
import io
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import grpc
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table

from client.access import Access
from client.client import LikenessClient
from client.connection import DEFAULT_ADDRESS
from client.errors import LikenessError
from client.pictures import picture_stem
from client.run import CommandRunner
from client.terminal_output import TerminalOutput
from deploy.contact_sheet import Cell, Figure, contact_sheet
from likeness.v1 import generation_service_pb2 as generation_pb
from likeness.v1 import identity_service_pb2 as pb
from photograph.shown import as_shown

IDENTITY = "identities/demo"

SOURCE = Path(__file__).with_name("demo_source.png")

PROMPTS = (
    "a photo of the face of <ann>",
    "a photo of <ann> at the beach",
    "a photo of <ann> in the snow",
    "a photo of <ann> holding a guitar",
    "a photo of <ann> in the forest",
    "a photo of <ann> holding a cup at night",
    "a photo of an old <ann>",
    "a photo of <ann> wearing sunglasses",
)

_STEPS = 25
_GUIDANCE = 3.0  # the embedded checkpoint's colours are truest here
_FIRST_SEED = 7  # of the first prompt; the others count up


@dataclass(frozen=True)
class Drawn:
    """A prompt's picture, as the service encoded it."""

    prompt: str
    picture: generation_pb.GeneratedImage

    @property
    def held_back(self) -> bool:
        """Whether the safety checker keeps the picture, which has no data then."""
        return self.picture.finish_reason == generation_pb.GeneratedImage.FINISH_REASON_FILTERED


@dataclass(frozen=True)
class Result:
    """What a run of the demo gave, and the seconds it took."""

    identity: pb.Identity
    drawn: list[Drawn]
    training_seconds: float
    drawing_seconds: float

    @property
    def milliseconds_per_picture(self) -> float:
        """Of all pictures drawn at once."""
        return 1000 * self.drawing_seconds / len(self.drawn)


def main(
    image: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="The picture to learn from.")
    ] = SOURCE,
    out: Annotated[Path, typer.Option(dir_okay=False, help="The contact sheet.")] = Path(
        "out/demo.png"
    ),
    class_noun: Annotated[str, typer.Option(help="What is in the picture.")] = "person",
    address: Annotated[str, typer.Option(envvar="LIKENESS_ADDRESS")] = DEFAULT_ADDRESS,
) -> None:
    """Learn an identity from one image, draw it eight times and lay out a contact sheet."""
    output = TerminalOutput()

    async def demo(client: LikenessClient) -> None:
        await _forget(client)
        started = time.monotonic()
        identity = await _train(client, image, class_noun, output)
        trained = time.monotonic()
        drawn = await _draw(client, output)
        finished = time.monotonic()
        result = Result(identity, drawn, trained - started, finished - trained)
        singles = _write(result, image, out)
        output.close()
        _summarise(result, out, singles)

    CommandRunner(output, address, Access.from_environment()).run(demo)


async def _forget(client: LikenessClient) -> None:
    """Deletes the identity of an earlier run."""
    try:
        await client.delete_identity(IDENTITY)
    except LikenessError as error:
        if error.code is not grpc.StatusCode.NOT_FOUND:
            raise


async def _train(
    client: LikenessClient, image: Path, class_noun: str, output: TerminalOutput
) -> pb.Identity:
    identity = pb.Identity()
    async for update in client.train(
        image, IDENTITY.removeprefix("identities/"), class_noun=class_noun
    ):
        output.training_progress(update)
        if update.identity is not None:
            identity = update.identity
    return identity


async def _draw(client: LikenessClient, output: TerminalOutput) -> list[Drawn]:
    """Draws all prompts at once; the service batches them step by step."""
    finished = 0

    async def draw(prompt: str, seed: int) -> Drawn:
        nonlocal finished
        pictures = await client.generate(
            prompt, {"ann": IDENTITY}, steps=_STEPS, guidance_scale=_GUIDANCE, seed=seed
        )
        finished += 1
        output.advance("Drawing", finished, len(PROMPTS))
        return Drawn(prompt, pictures[0])

    output.advance("Drawing", 0, len(PROMPTS))
    return await asyncio.gather(
        *(draw(prompt, seed) for seed, prompt in enumerate(PROMPTS, start=_FIRST_SEED))
    )


def _write(result: Result, image: Path, out: Path) -> list[Path]:
    """Writes the sheet and, beside it, the pictures as the service sent them."""
    out.parent.mkdir(parents=True, exist_ok=True)
    singles = []
    for number, drawn in enumerate(result.drawn, start=1):
        stem = picture_stem(drawn.prompt, drawn.picture.seed)
        single = out.with_name(f"{out.stem}-{number}-{stem}.png")
        if drawn.held_back:
            single.unlink(missing_ok=True)  # an earlier run's
            continue
        _replace(single, drawn.picture.data)
        singles.append(single)
    encoded = io.BytesIO()
    _sheet(result, image).save(encoded, "PNG", optimize=True)
    _replace(out, encoded.getvalue())
    return singles


def _sheet(result: Result, image: Path) -> Image.Image:
    numbers = result.identity.stage_count * 2 * result.identity.token_width
    with Image.open(image) as source:
        return contact_sheet(
            as_shown(source),
            [
                Cell(Image.open(io.BytesIO(drawn.picture.data)), drawn.prompt)
                for drawn in result.drawn
                if not drawn.held_back
            ],
            "One image in, a likeness to draw anywhere",
            [
                Figure(f"{result.training_seconds:.0f} s", "to learn the identity"),
                Figure(f"{numbers:,} numbers", "are all it is"),
                Figure(f"{result.milliseconds_per_picture:,.0f} ms", f"a picture, {_STEPS} steps"),
            ],
        )


def _replace(path: Path, data: bytes) -> None:
    aside = path.with_name(f".{path.name}.part")
    aside.write_bytes(data)
    aside.replace(path)


def _summarise(result: Result, out: Path, singles: list[Path]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("identity", f"{result.identity.name}, {result.training_seconds:.1f} s to learn")
    table.add_row(
        "pictures",
        f"{len(result.drawn)} in {result.drawing_seconds:.1f} s, "
        f"{result.milliseconds_per_picture:.0f} ms each ({_STEPS} steps, drawn together)",
    )
    if held_back := len(result.drawn) - len(singles):
        table.add_row("held back", f"{held_back} by the safety checker")
    table.add_row("contact sheet", str(out))
    table.add_row("single pictures", f"{out.parent}/{out.stem}-*.png" if singles else "none")
    Console(soft_wrap=True, highlight=False).print(table)


if __name__ == "__main__":
    typer.run(main)
