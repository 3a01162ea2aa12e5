"""Commands about pictures."""

from pathlib import Path
from typing import Annotated

import typer

from client.client import LikenessClient
from client.connection import DEFAULT_ADDRESS
from client.generation import PriorityName, SchedulerName
from client.names import placeholder_bindings
from client.options import Address, AsJson, parse_bindings, parse_strengths
from client.pictures import picture_stem, save_picture
from client.run import output_of, runner_of
from likeness.v1.generation_service_pb2 import GeneratedImage, GenerationProgress


def generate(
    context: typer.Context,
    prompts: Annotated[
        list[str],
        typer.Argument(metavar="PROMPT...", help='Text such as "a photo of <ann> at the beach".'),
    ],
    out: Annotated[Path, typer.Option(file_okay=False, help="Where the pictures go.")],
    images: Annotated[int | None, typer.Option(help="Number of pictures of each prompt.")] = None,
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
    bindings = placeholder_bindings(*prompts) | parse_bindings(identity or [])
    strengths = parse_strengths(strength or [])
    output = output_of(as_json)

    async def draw(client: LikenessClient) -> None:
        async for event in client.stream_generate(
            prompts[0],
            bindings,
            additional_prompts=prompts[1:],
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
            if isinstance(event, GenerationProgress):
                output.generation_progress(event)
            elif isinstance(event, GeneratedImage):
                if event.finish_reason == GeneratedImage.FINISH_REASON_FILTERED:
                    output.picture_filtered(event)
                    continue
                stem = picture_stem(prompts[event.prompt_index], event.seed)
                output.picture_saved(save_picture(out, stem, event.data, event.mime_type), event)

    runner_of(context, output, address).run(draw)


def verify(
    context: typer.Context,
    image: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The picture.")],
    address: Address = DEFAULT_ADDRESS,
    as_json: AsJson = False,
) -> None:
    """Tell whether a picture was drawn by the service."""
    output = output_of(as_json)

    async def ask(client: LikenessClient) -> None:
        output.verified(await client.verify_image(image))

    runner_of(context, output, address).run(ask)
