"""The ways from the sampler's loop to its engine, against each other."""

import statistics
from pathlib import Path

from tritonclient.grpc.aio import InferenceServerClient

from benchmarks.load import arriving, one_at_a_time
from benchmarks.peer_models import add_model
from benchmarks.requests import Tensors
from benchmarks.tables import Row, Table

SAMPLER = "sampler"
VARIANTS = {"sampler_copying": "Copying", "sampler_in_process": "InProcess"}
"""Models of Triton, and their classes in :mod:`benchmarks.sampler_variants`."""
NAMES = {
    SAMPLER: "Triton (BLS); prompts' features are sent once",
    "sampler_copying": "Triton (BLS); features are sent with each step",
    "sampler_in_process": "the engine in the sampler's own process",
}
ROUNDS = 10


def with_variants(bundle: Path) -> Path:
    """Adds the variants of the sampler to a copy of a bundle."""
    for name, variant in VARIANTS.items():
        add_model(bundle, name, "sampler_variants", variant)
    return bundle


async def ways_to_engine(client: InferenceServerClient, requests: list[Tensors]) -> Table:
    """The table: one request by itself, and all of them together, through each way in turns."""
    alone: dict[str, list[float]] = {name: [] for name in NAMES}
    together: dict[str, list[float]] = {name: [] for name in NAMES}
    for each in NAMES:
        await arriving(client, each, requests, 0.0)  # compiles its graphs
    for _ in range(ROUNDS):
        for each in NAMES:
            alone[each].append((await one_at_a_time(client, each, requests[:1])).seconds)
            together[each].append((await arriving(client, each, requests, 0.0)).seconds)
    rows = [
        Row(
            name,
            f"alone {_against(alone[each], alone[SAMPLER])}, "
            f"together {_against(together[each], together[SAMPLER])}",
        )
        for each, name in NAMES.items()
    ]
    return Table(
        "Ways from the loop to the engine",
        f"Latency of a request by itself, and of the last of {len(requests)} that come together: "
        f"medians of {ROUNDS} rounds in which all took turns; changes are medians of the rounds' "
        "own.",
        rows,
    )


def _against(seconds: list[float], first: list[float]) -> str:
    change = statistics.median(a / b for a, b in zip(seconds, first, strict=True)) - 1
    told = f"{1000 * statistics.median(seconds):.0f} ms"
    return told if seconds is first else f"{told} ({change:+.1%})"
