"""The denoising loop: one batch a step over all requests in flight.

Different people, stages, timesteps, seeds, schedulers and guidance are input rows of one engine, so
newcomers join at the next step and finished pictures leave at once.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from identity import ServingBundle
from sampler.batch import Assembler, split
from sampler.batch_size import BatchSize
from sampler.cache import ByteCache
from sampler.conditioning import Conditioner
from sampler.engine import Array, Engine, EngineError
from sampler.job import Caller, Job
from sampler.judge import Judge
from sampler.pace import Pace
from sampler.picture import Latents, Picture
from sampler.policy import FairTurns, in_turns
from sampler.preview import to_preview
from sampler.request import SamplingRequest
from sampler.schedulers import Schedulers
from sampler.settings import SamplerSettings
from sampler.statistics import Statistics
from sampler.tables import Tables
from sampler.vae import Vae

log = logging.getLogger(__name__)

ATTEND_SECONDS = 0.1
"""How often callers are asked and deadlines looked at while no step runs."""


class QueueFullError(RuntimeError):
    """A tenant has as many requests waiting as it may.

    Attributes:
        retry_seconds: when a place may be free.
    """

    def __init__(self, limit: int, retry_seconds: float) -> None:
        super().__init__(f"{limit} requests of this tenant wait already")
        self.retry_seconds = retry_seconds


class Sampler:
    """Draws requests, all in one loop; it belongs to one asyncio event loop.

    Args:
        bundle: sizes of the models.
        tables: the base model's tables.
        engine: runs the models.
        settings: limits.
        changed: called when the statistics have changed.

    Attributes:
        statistics: what happened so far.
    """

    def __init__(
        self,
        bundle: ServingBundle,
        tables: Tables,
        engine: Engine,
        settings: SamplerSettings,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        # A config that can't be read fails here and not in a request.
        self._schedulers = Schedulers(tables.scheduler_config)
        self.statistics = Statistics(
            cache=ByteCache(settings.conditioning_cache_bytes, settings.conditioning_cache_seconds),
            max_rows=bundle.max_rows,
        )
        self._bundle, self._tables, self._engine = bundle, tables, engine
        self._max_waiting, self._changed = settings.max_waiting, changed
        self._condition = Conditioner(
            bundle, tables.token_embeddings, engine, self.statistics.cache
        )
        self._vae = Vae(bundle, engine)
        self._judge = Judge(bundle, engine)
        self._turns = FairTurns(bundle.max_rows)
        self._pace, self._assemble = Pace(), Assembler()
        self._batch_size = BatchSize(bundle.max_rows)
        self._jobs: list[Job] = []
        self._arrivals = itertools.count()
        self._arrived = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the loop, once; needs a running event loop."""
        if self._loop is None:
            self._loop = asyncio.create_task(self._denoise(), name="denoise")

    def stop(self) -> None:
        """Ends the loop, and the requests in flight with it."""
        if self._loop is not None:
            self._loop.cancel()
        for job in self._jobs:
            job.finished.cancel()

    async def draw(self, request: SamplingRequest, caller: Caller) -> None:
        """Draws all pictures of a request; returns after the last one was handed over.

        Raises:
            QueueFullError: see there.
            sampler.job.CancelledByCaller, sampler.job.DeadlineMissedError: see there.
            sampler.engine.EngineError: a model could not be run.
        """
        self._check_room(request.tenant)
        if self._judge.present:  # it can't see what a preview shows
            request = replace(request, preview_every=0)
        shape, most_rows = self._latent_shape(request), self._bundle.max_rows
        job = Job(request, next(self._arrivals), caller, shape, most_rows)
        self._jobs.append(job)
        try:
            job.drop_if_late(self._pace)
            if not job.finished.done():
                job.beside(self._prepare(request, job))
                self._arrived.set()
            await job.finished
            self.statistics.drawn(job.timeline)
        finally:
            self._jobs.remove(job)
            self._show()
            del request, job  # which the traceback of the job's own error would keep for long

    def _check_room(self, tenant: str) -> None:
        own = [job for job in self._jobs if job.tenant == tenant]
        if sum(job.waiting for job in own) >= self._max_waiting:
            steps = min((job.steps_left for job in own), default=1)
            raise QueueFullError(self._max_waiting, max(1.0, steps * self._pace.last))

    async def _prepare(self, request: SamplingRequest, job: Job) -> None:
        with job.failing_alone():
            job.begin(await self._pictures(request, job))
            self._arrived.set()

    async def _pictures(self, request: SamplingRequest, job: Job) -> list[Picture]:
        conditioning, start = await asyncio.gather(self._condition(request), self._start(request))
        return [
            # A picture ranks as if it had come that many requests later: a request of many
            # pictures does not crowd out those of one, nor they it.
            Picture(
                request,
                index,
                job.rank + index,
                conditioning,
                self._schedulers,
                job.latent_shape,
                start,
            )
            for index in range(len(request.seeds))
        ]

    async def _start(self, request: SamplingRequest) -> Latents | None:
        if request.init_image is None:
            return None
        return await self._vae.encode(request.init_image, request.tenant, request.priority)

    def _latent_shape(self, request: SamplingRequest) -> tuple[int, int, int]:
        bundle = self._bundle
        pixels = bundle.image_height // bundle.latent_height
        return bundle.latent_channels, request.height // pixels, request.width // pixels

    async def _denoise(self) -> None:
        while True:
            owners: dict[Picture, Job] = {}
            try:
                if owners := self._next_batch():
                    await self._step(owners)
                else:
                    await self._rest()
            except Exception as error:  # it is these jobs' end, and not the loop's
                _fail(owners.values() or self._jobs, error)
                if not isinstance(error, EngineError):
                    log.exception("the denoising loop goes on after an error")
                    await asyncio.sleep(ATTEND_SECONDS)  # what fails again must not take the core

    def _next_batch(self) -> dict[Picture, Job]:
        """The pictures of the next step, and whose they are."""
        for job in self._jobs:
            job.drop_if_late(self._pace)
        owners = {picture: job for job in self._jobs for picture in job.pictures}
        return {
            picture: owners[picture]
            for picture in self._turns.choose(list(owners), self._batch_size.limit)
        }

    async def _rest(self) -> None:
        """Waits for work; until there is some, nothing of what was drawn is kept."""
        self._arrived.clear()
        self._assemble.forget()
        self._attend()
        with suppress(TimeoutError):
            async with asyncio.timeout(ATTEND_SECONDS if self._jobs else None):
                await self._arrived.wait()

    def _attend(self) -> None:
        """Tells the callers what is new, and lets go those who have left."""
        for job in self._jobs:
            with job.failing_alone():
                job.attend()
        self._show()

    def _tell_positions(self, served: set[Job]) -> None:
        waiting = [job for job in self._jobs if job.waiting and job not in served]
        for position, job in enumerate(in_turns(waiting), start=1):
            with job.failing_alone():
                job.queued_at(position)

    def _show(self) -> None:
        self.statistics.waiting = sum(job.waiting for job in self._jobs)
        self.statistics.in_flight = len(self._jobs)
        self.statistics.rows_in_flight = sum(
            picture.rows for job in self._jobs for picture in job.pictures
        )
        self._changed()

    async def _step(self, owners: dict[Picture, Job]) -> None:
        began = time.monotonic()
        batch = list(owners)
        for job in owners.values():
            job.timeline.enter("denoise")
        inputs = self._assemble(batch)
        called = time.monotonic()
        answer = asyncio.create_task(self._engine("unet", inputs, "noise_pred"))
        await asyncio.sleep(0)  # the engine begins, and the callers need not wait for it
        self._attend()
        self._tell_positions(set(owners.values()))
        noise = await answer
        answered = time.monotonic()
        self._advance(owners, split(noise, batch))
        ended = time.monotonic()
        self._pace.stepped(batch[0].shape, len(noise), ended - began, ended)
        self._batch_size.stepped(batch[0].shape, len(noise), ended - began)
        self.statistics.stepped(len(noise), ended - began, answered - called)

    def _advance(self, owners: dict[Picture, Job], answers: Sequence[Array]) -> None:
        for (picture, job), rows in zip(owners.items(), answers, strict=True):
            if not job.finished.done():
                with job.failing_alone():
                    self._advance_one(job, picture, rows)
                    job.advanced()

    def _advance_one(self, job: Job, picture: Picture, rows: Array) -> None:
        original = picture.advance(rows)
        if original is not None:
            job.preview(picture, to_preview(original, self._tables.latent_rgb))
        if not picture.steps_left:
            job.pictures.remove(picture)
            if not job.pictures:
                job.timeline.enter("decode")
            job.beside(self._decode(job, picture))

    async def _decode(self, job: Job, picture: Picture) -> None:
        with job.failing_alone():
            pixels = await self._vae.decode(picture.latents, job.tenant, job.priority)
            held_back = await self._judge.flags(pixels, job.tenant, job.priority)
            job.deliver(picture.index, None if held_back else pixels)


def _fail(jobs: Iterable[Job], error: Exception) -> None:
    for job in jobs:
        job.fail(error)
