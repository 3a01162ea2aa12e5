"""The same load of many requests, served in three ways."""

import statistics
from dataclasses import dataclass

from tritonclient.grpc.aio import InferenceServerClient

from benchmarks.load import Result, arriving, one_at_a_time
from benchmarks.peer_models import REQUEST_LEVEL
from benchmarks.peers import Peer
from benchmarks.requests import Tensors, as_batches
from benchmarks.tables import Row, Table, comparison

ROUNDS = 5
"""Times that each way is measured; the round of median latency counts."""
PEER_PICTURES = 3
"""Pictures that the peer draws in each round."""


@dataclass(frozen=True)
class Crowd:
    """What a load of requests took.

    Attributes:
        apart: seconds between two arrivals.
        in_turn: each request when the last one is answered, by the sampler.
        by_request: arriving, gathered by Triton's dynamic batcher.
        by_step: arriving, gathered by the sampler.
        peer_seconds: a picture of diffusers, which draws one at a time, if it was asked.
    """

    apart: float
    in_turn: Result
    by_request: Result
    by_step: Result
    peer_seconds: float | None = None

    def table(self, title: str, bars: "Bars", note: str = "") -> Table:
        """The table of these results."""
        rows = [
            row("one at a time, same engine", self.in_turn),
            row("Triton's dynamic batcher on whole requests, same engine", self.by_request),
            row("step-level batching", self.by_step),
        ]
        if self.peer_seconds is not None:
            figure = f"{1 / self.peer_seconds:.2f} pictures/s"
            rows.insert(0, Row("diffusers, one at a time", figure))
        rows += bars.rows(self)
        count = len(self.by_step.latencies)
        text = f"{count} requests, {1000 * self.apart:.0f} ms (a tenth of a solo latency) apart."
        return Table(title, text, rows, note)


@dataclass(frozen=True)
class Bars:
    """What step-level batching should reach.

    Attributes:
        throughput: against the same engine one at a time.
        peer_throughput: against diffusers one at a time.
        mean, p95: latency against request-level batching, at most.
    """

    throughput: float
    peer_throughput: float | None = None
    mean: float | None = None
    p95: float | None = None

    def rows(self, crowd: Crowd) -> list[Row]:
        """Each ratio beside its bar."""
        ours, theirs = crowd.by_step, crowd.by_request
        gained = ours.throughput / crowd.in_turn.throughput
        mean, p95 = ours.mean / theirs.mean, ours.p95 / theirs.p95
        rows = [
            Row("throughput / one at a time", *comparison(gained, at_least=self.throughput)),
            Row("mean latency / request-level", *comparison(mean, at_most=self.mean)),
            Row("p95 latency / request-level", *comparison(p95, at_most=self.p95)),
        ]
        if crowd.peer_seconds is not None:
            against = ours.throughput * crowd.peer_seconds
            bar = comparison(against, at_least=self.peer_throughput)
            rows.append(Row("throughput / diffusers one at a time", *bar))
        return rows


async def measure(
    client: InferenceServerClient, requests: list[Tensors], apart: float, peer: Peer | None = None
) -> Crowd:
    """Serves the requests in the three ways, which take turns with each other and the peer."""
    in_turn, by_request, by_step, others = [], [], [], []
    for _ in range(ROUNDS):
        if peer is not None:
            others += [await peer.seconds() for _ in range(PEER_PICTURES)]
        in_turn.append(await one_at_a_time(client, "sampler", requests))
        by_request.append(await arriving(client, REQUEST_LEVEL, as_batches(requests), apart))
        by_step.append(await arriving(client, "sampler", requests, apart))
    peer_seconds = statistics.median(others) if others else None
    return Crowd(apart, median(in_turn), median(by_request), median(by_step), peer_seconds)


def median(results: list[Result]) -> Result:
    """The round of median latency."""
    return sorted(results, key=lambda result: result.mean)[len(results) // 2]


def row(name: str, result: Result) -> Row:
    """Throughput and latencies, for a table."""
    return Row(
        name,
        f"{result.throughput:.2f} pictures/s, latency mean {1000 * result.mean:.0f} ms, "
        f"p95 {1000 * result.p95:.0f} ms",
    )
