"""What guidance within an interval of timesteps saves, and what it costs in the pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tritonclient.grpc.aio import InferenceServerClient

from benchmarks.costs import milliseconds
from benchmarks.load import Tensors, answered, taking_turns
from benchmarks.requests import Requests
from benchmarks.tables import Row, Table
from faceworld.judges import Judges

PROMPTS = (
    "a photo of a person at the beach",
    "a photo of a person in the snow",
    "a photo of a person holding a guitar",
    "a photo of a person holding a cup at night",
    "a photo of an old person",
    "a photo of a person wearing sunglasses",
)
SEEDS = tuple(range(8))

INTERVALS = {
    "guidance everywhere": (1000, 0),
    "at timesteps 800 to 0": (800, 0),
    "at timesteps 1000 to 200": (1000, 200),
    "at timesteps 800 to 200": (800, 200),
    "no guidance": (0, 0),
}


async def interval_quality(
    client: InferenceServerClient, requests: Requests, checkpoint: Path
) -> Table:
    """Draws the prompts with each interval, and lets the checkpoint's judge look."""
    judges = Judges.load(checkpoint / "judges")
    rows = []
    changes = {
        name: {"guidance_interval": np.array(interval, np.float32)}
        for name, interval in INTERVALS.items()
    }
    alone = {
        name: [requests.plain(PROMPTS[0], (seed,), **change) for seed in SEEDS]
        for name, change in changes.items()
    }
    latencies = await taking_turns(client, "sampler", alone)
    for name, change in changes.items():
        wanted = [requests.plain(prompt, SEEDS, **change) for prompt in PROMPTS]
        pictures = np.stack(await _pictures(client, wanted))
        texts = [prompt for prompt in PROMPTS for _ in SEEDS]
        scores, met = judges.clip_score(pictures, texts), judges.passes(pictures, texts)
        figure = f"{met.mean():.0%} show their text, score {scores.mean():.3f}"
        rows.append(Row(name, f"{figure}, {milliseconds(latencies[name])}"))
    return Table(
        "Guidance within an interval of timesteps",
        f"{len(PROMPTS)} prompts of {len(SEEDS)} seeds each, judged by the checkpoint's own text "
        "judge; latency of one picture by itself, in turns. Off unless a request asks for it.",
        rows,
    )


async def _pictures(
    client: InferenceServerClient, wanted: Sequence[Tensors]
) -> list[npt.NDArray[np.uint8]]:
    pictures = []
    for tensors in wanted:
        drawn = await answered(client, "sampler", tensors)
        pictures += [drawn[index] for index in sorted(drawn)]
    return pictures
