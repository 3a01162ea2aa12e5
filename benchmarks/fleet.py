"""How many pictures and trainings one accelerator does: a model of few numbers.

Serving is simulated step by step: requests arrive, the sampler's own policy chooses the rows of
each step, and a step takes ``launch + row * rows`` seconds. That is all there is to an engine, so
two measured batch sizes make a model of it.
"""

import heapq
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.load import Result
from sampler.batch_size import TRIALS, BatchSize
from sampler.policy import FairTurns

SHAPE = "picture"
DECODED_TOGETHER = 4
"""Pictures of one call of the decoder, as in :mod:`sampler.vae`."""
REQUESTS = 1000
"""Of a simulation that looks for a rate."""
NARROW = 1.03
"""Ratio of two rates between which no further one is tried."""


@dataclass(frozen=True)
class Engine:
    """What a step costs, in seconds.

    Attributes:
        launch, row: of a step and of each of its rows, everything that the loop does included.
        max_rows: of a step.
        beside: of each request, outside of loop and decoder.
        decode_launch, decode_row: of the decoder, which runs beside the loop; 0 where steps are
            measured with it.
    """

    launch: float
    row: float
    max_rows: int
    beside: float = 0.0
    decode_launch: float = 0.0
    decode_row: float = 0.0

    @classmethod
    def fitted(
        cls, steps: Sequence[tuple[float, float]], max_rows: int, **others: float
    ) -> "Engine":
        """The engine of measured steps, as rows and seconds. One size alone says nothing of the
        launch: then batches gain nothing, which is the cautious guess.
        """
        rows, seconds = np.array(steps).T
        if len(set(rows)) == 1:
            return cls(0.0, float(np.mean(seconds / rows)), max_rows, **others)
        row, launch = np.polyfit(rows, seconds, 1)
        return cls(max(0.0, float(launch)), float(row), max_rows, **others)

    def step(self, rows: int) -> float:
        """Seconds of a step."""
        return self.launch + self.row * rows

    def decode(self, pictures: int) -> float:
        """Seconds of a call of the decoder."""
        return self.decode_launch + self.decode_row * pictures

    def pictures_per_second(self, steps: int, rows: int) -> float:
        """Of batches that are always full."""
        pictures = self.max_rows // rows
        return pictures / (steps * self.step(pictures * rows))


@dataclass(eq=False)
class _Picture:
    """See :class:`sampler.policy.Claim`."""

    came: float
    rank: int
    rows: int
    steps_left: int
    tenant: str = ""
    priority: int = 0
    shape: str = SHAPE


def serve(
    engine: Engine, arrivals: Sequence[float], steps: int, rows: int, again: int = 0
) -> Result:
    """Serves requests of one picture each.

    Args:
        engine: what they share.
        arrivals: when they come.
        steps, rows: of each picture.
        again: requests that come on top, each as soon as another is answered.
    """
    answers = list(_answers(engine, arrivals, steps, rows, again))
    last = max(answered for _, answered in answers)
    return Result(last - min(arrivals), tuple(answered - came for came, answered in answers))


def _answers(
    engine: Engine, arrivals: Sequence[float], steps: int, rows: int, again: int = 0
) -> Iterator[tuple[float, float]]:
    """When each request comes and is answered, in the order of the latter."""
    turns, size, ranks = FairTurns(engine.max_rows), _knowing(engine), itertools.count()
    coming = list(arrivals)
    heapq.heapify(coming)
    pictures: list[_Picture] = []
    now = decoder_free = 0.0
    while coming or pictures:
        if not pictures:
            now = max(now, coming[0])
        while coming and coming[0] <= now:
            pictures.append(_Picture(heapq.heappop(coming), next(ranks), rows, steps))
        batch = turns.choose(pictures, size.limit)
        filled = sum(picture.rows for picture in batch)
        now += engine.step(filled)
        size.stepped(SHAPE, filled, engine.step(filled))
        for picture in batch:
            picture.steps_left -= 1
        done = [picture for picture in batch if not picture.steps_left]
        pictures = [picture for picture in pictures if picture.steps_left]
        for start in range(0, len(done), DECODED_TOGETHER):
            together = done[start : start + DECODED_TOGETHER]
            decoder_free = max(decoder_free, now) + engine.decode(len(together))
            for picture in together:
                answered = decoder_free + engine.beside
                yield picture.came, answered
                if again:
                    again -= 1
                    heapq.heappush(coming, answered)


def poisson(rate: float, count: int, seed: int = 0) -> list[float]:
    """Arrivals of many who know nothing of one another, ``rate`` a second."""
    draw = random.Random(seed)
    return list(itertools.accumulate(draw.expovariate(rate) for _ in range(count)))


def sustained(engine: Engine, steps: int, rows: int, p95: float) -> float:
    """Pictures a second at which 95 of 100 are there within ``p95`` seconds; 0: at none."""
    high = engine.pictures_per_second(steps, rows)
    if engine.beside + engine.decode(1) + steps * engine.step(rows) > p95:
        return 0.0
    if _holds(engine, high, steps, rows, p95):
        return high
    low = high
    while not _holds(engine, low, steps, rows, p95):
        low, high = low / 2, low
    while high / low > NARROW:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if _holds(engine, middle, steps, rows, p95) else (low, middle)
    return low


def _holds(engine: Engine, rate: float, steps: int, rows: int, p95: float) -> bool:
    may_be_late = REQUESTS // 20
    for came, answered in _answers(engine, poisson(rate, REQUESTS), steps, rows):
        may_be_late -= answered - came > p95
        if may_be_late < 0:
            return False
    return True


def _knowing(engine: Engine) -> BatchSize:
    """The policy of a sampler that has run for a while."""
    size, rows = BatchSize(engine.max_rows), engine.max_rows
    while rows >= 2:
        for _ in range(TRIALS):
            size.stepped(SHAPE, rows, engine.step(rows))
        rows //= 2
    return size


def trainings_per_hour(
    step_seconds: float, steps: int, together: int, set_up: float = 0.0
) -> float:
    """Of one accelerator that always has so many to train together.

    Args:
        step_seconds: of a step of all of them.
        steps: of a training.
        set_up: seconds that each takes besides: encoding of views, reading and writing.
    """
    return 3600 * together / (together * set_up + steps * step_seconds)
