"""``python -m benchmarks.feature_reuse``: does it pay to keep deep features for several steps?

DeepCache in diffusers' pipeline, against fewer steps. Prints the table and writes it to
docs/benchmarks.md.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
import typer
from DeepCache import DeepCacheSDHelper
from rich.progress import track

from benchmarks.machine import description
from benchmarks.peers import pipeline_of
from benchmarks.quality import PROMPTS
from benchmarks.tables import Row, Table, write_section
from faceworld.judges import Judges

SEEDS = range(4)
STEPS = 20
GUIDANCE = 7.5
ALL = f"all {STEPS} steps"
WAYS = {
    ALL: (STEPS, 1),
    "deep features kept for 2 steps": (STEPS, 2),
    "for 3 steps": (STEPS, 3),
    "for 5 steps": (STEPS, 5),
    "15 steps, nothing kept": (15, 1),
    "12 steps": (12, 1),
    "10 steps": (10, 1),
}
"""Steps, and how many of them share deep features."""

Pixels = npt.NDArray[np.uint8]


def main(
    checkpoint: Annotated[Path, typer.Option(help="Base model.")] = Path("faceworld/checkpoint"),
    page: Annotated[Path, typer.Option(help="Where the table goes.")] = Path("docs/benchmarks.md"),
) -> None:
    """Draw the same pictures in all ways, in turns, and let the checkpoint's judges look."""
    torch.set_num_threads(1)
    pipeline = pipeline_of(checkpoint)
    seconds: dict[str, list[float]] = defaultdict(list)
    drawn: dict[str, list[Pixels]] = defaultdict(list)
    wanted = [(prompt, seed) for prompt in PROMPTS for seed in SEEDS]
    for prompt, seed in track(wanted, "drawing"):
        for way, (steps, kept) in WAYS.items():
            with _features_kept(pipeline, kept):
                began = time.process_time()
                drawn[way].append(_draw(pipeline, prompt, seed, steps))
                seconds[way].append(time.process_time() - began)
    pictures = {way: np.stack(each) for way, each in drawn.items()}
    table = _table(seconds, pictures, Judges.load(checkpoint / "judges"))
    typer.echo(str(table))
    text = [
        "Written by `python -m benchmarks.feature_reuse`.",
        "",
        f"Machine: {description()}",
        "",
        "What it means for the sampler: [sampler.md](sampler.md#what-was-left-out).",
    ]
    write_section(page, "Benchmark of feature reuse", text, [table])


@contextmanager
def _features_kept(pipeline: Any, steps: int) -> Iterator[None]:
    helper = DeepCacheSDHelper(pipe=pipeline)
    helper.set_params(cache_interval=steps)
    if steps > 1:
        helper.enable()
    yield
    if steps > 1:
        helper.disable()


def _draw(pipeline: Any, prompt: str, seed: int, steps: int) -> Pixels:
    answer = pipeline(
        prompt,
        num_inference_steps=steps,
        guidance_scale=GUIDANCE,
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type="np",
    )
    return np.asarray((answer.images[0] * 255).round(), np.uint8)


def _table(
    seconds: Mapping[str, list[float]], pictures: Mapping[str, Pixels], judges: Judges
) -> Table:
    texts = [prompt for prompt in PROMPTS for _ in SEEDS]
    faces = {way: judges.identity_embedding(each) for way, each in pictures.items()}
    rows = []
    for way, each in pictures.items():
        figure = (
            f"{1000 * np.median(seconds[way]):.0f} ms, "
            f"Prompt {judges.clip_score(each, texts).mean():.3f}"
        )
        if way != ALL:
            differs = np.abs(each.astype(float) - pictures[ALL]).mean()
            alike = (faces[way] * faces[ALL]).sum(axis=-1).mean()
            figure += f", differs by {differs:.1f} levels, faces alike {alike:.3f}"
        rows.append(Row(way, figure))
    return Table(
        "Deep features kept for several steps",
        f"DeepCache {version('DeepCache')} in diffusers' pipeline, one thread of PyTorch, "
        f"{len(PROMPTS)} prompts of {len(SEEDS)} seeds: median CPU time of a picture, the text "
        "judge's score, the mean difference from the picture of all steps (of 255 levels), and the "
        "cosine between the face embeddings of both.",
        rows,
    )


if __name__ == "__main__":
    typer.run(main)
