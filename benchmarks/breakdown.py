"""Where the time of a picture goes that is drawn by itself."""

from dataclasses import dataclass

from tritonclient.grpc.aio import InferenceServerClient

from benchmarks.load import one_at_a_time
from benchmarks.requests import Requests
from benchmarks.tables import Row, Table
from benchmarks.triton_counts import Counts, counts
from deploy.triton import TritonServer

PICTURES = 20
FRESH = 2000
"""Identities from here on have not been asked for before: their text is encoded too."""


@dataclass(frozen=True)
class Part:
    """A share of the latency, in seconds."""

    name: str
    seconds: float


async def breakdown(
    server: TritonServer, client: InferenceServerClient, requests: Requests
) -> Table:
    """The table of the parts, means of pictures drawn one at a time."""
    wanted = [requests.of(FRESH + number, number) for number in range(PICTURES)]
    before = await counts(server, client)
    taken = await one_at_a_time(client, "sampler", wanted)
    counted = (await counts(server, client)).since(before)
    return Table(
        "Where a picture's time goes",
        f"One request at a time, of a prompt that was not encoded before; means of {PICTURES}.",
        [
            Row(each.name, f"{1000 * each.seconds / PICTURES:.1f} ms")
            for each in parts(sum(taken.latencies), counted)
        ],
    )


def parts(latency: float, counted: Counts) -> list[Part]:
    """What a latency consists of: the parts that are not "of it" add up to it."""
    phases = counted.phase_seconds
    return [
        Part("latency, as its caller sees it", latency),
        Part("text and identity to features", phases["text"]),
        Part("waiting for the first step", phases["queue"]),
        Part("steps", phases["denoise"]),
        Part("of it the U-Net's process", counted.unet_seconds),
        Part("of it the way there and back", counted.call_seconds - counted.unet_seconds),
        Part("of it the loop and the scheduler", phases["denoise"] - counted.call_seconds),
        Part("latents to picture", phases["decode"]),
        Part("gRPC, Triton, reading the request", latency - sum(phases.values())),
    ]
