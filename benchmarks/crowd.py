"""The same load of many requests, served in three ways."""

from dataclasses import dataclass

from tritonclient.grpc.aio import InferenceServerClient

from benchmarks.load import Result, arriving, one_at_a_time
from benchmarks.peer_models import REQUEST_LEVEL
from benchmarks.peers import Peer
from benchmarks.requests import Tensors, as_batches
from benchmarks.tables import Row, Table, comparison

ROUNDS = 3
"""Times that each way is measured; the round of median latency counts."""


@dataclass(frozen=True)
class Crowd:
    """What a load of requests took.

    Attributes:
        apart: seconds between two arrivals.
        in_turn: each request when the last one is answered, by the sampler.
        by_request: arriving, gathered by Triton's dynamic batcher.
        by_step: arriving, gathered by the sampler.
    """

    apart: float
    in_turn: Result
    by_request: Result
    by_step: Result

    def table(self, title: str, bars: "Bars", peer: Peer | None = None, note: str = "") -> Table:
        """The table of these results; ``peer``: draws the same one at a time."""
        rows = [
            _row("one at a time, same engine", self.in_turn),
            _row("Triton's dynamic batcher on whole requests, same engine", self.by_request),
            _row("step-level batching", self.by_step),
        ]
        if peer is not None:
            rows.insert(0, Row("diffusers, one at a time", f"{1 / peer.seconds:.2f} pictures/s"))
        rows += bars.rows(self, peer)
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

    def rows(self, crowd: Crowd, peer: Peer | None) -> list[Row]:
        """Each ratio beside its bar."""
        ours, theirs = crowd.by_step, crowd.by_request
        gained = ours.throughput / crowd.in_turn.throughput
        mean, p95 = ours.mean / theirs.mean, ours.p95 / theirs.p95
        rows = [
            Row("throughput / one at a time", *comparison(gained, at_least=self.throughput)),
            Row("mean latency / request-level", *comparison(mean, at_most=self.mean)),
            Row("p95 latency / request-level", *comparison(p95, at_most=self.p95)),
        ]
        if peer is not None:
            against = ours.throughput * peer.seconds
            bar = comparison(against, at_least=self.peer_throughput)
            rows.append(Row("throughput / diffusers one at a time", *bar))
        return rows


async def measure(client: InferenceServerClient, requests: list[Tensors], apart: float) -> Crowd:
    """Serves the requests in the three ways, one after the other, several times over."""
    in_turn, by_request, by_step = [], [], []
    for _ in range(ROUNDS):
        in_turn.append(await one_at_a_time(client, "sampler", requests))
        by_request.append(await arriving(client, REQUEST_LEVEL, as_batches(requests), apart))
        by_step.append(await arriving(client, "sampler", requests, apart))
    return Crowd(apart, _median(in_turn), _median(by_request), _median(by_step))


def _median(results: list[Result]) -> Result:
    return sorted(results, key=lambda result: result.mean)[len(results) // 2]


def _row(name: str, result: Result) -> Row:
    return Row(
        name,
        f"{result.throughput:.2f} pictures/s, latency mean {1000 * result.mean:.0f} ms, "
        f"p95 {1000 * result.p95:.0f} ms",
    )
