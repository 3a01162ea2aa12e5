"""The denoising loop: one batch a step over all requests in flight.

Different people, stages, timesteps, seeds and guidance are input rows of one engine, so newcomers
join at the next step and finished pictures leave at once.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from identity import ServingBundle
from sampler.batch import assemble, choose, split
from sampler.conditioning import Conditioner
from sampler.decoder import Decoder
from sampler.engine import Array, Engine
from sampler.job import Caller, Job
from sampler.picture import Picture, new_scheduler
from sampler.request import SamplingRequest


class Sampler:
    """Draws requests, all in one loop; it belongs to one asyncio event loop.

    Args:
        bundle: sizes of the models.
        token_embeddings: ``[vocabulary, D]``.
        scheduler_config: the base model's scheduler config.
        engine: runs the models.
    """

    def __init__(
        self,
        bundle: ServingBundle,
        token_embeddings: npt.NDArray[np.float32],
        scheduler_config: dict[str, Any],
        engine: Engine,
    ) -> None:
        # A config that can't be read fails here and not in a request; and diffusers' first
        # scheduler takes a second, which the first request should not wait for.
        new_scheduler(scheduler_config)
        self._bundle = bundle
        self._scheduler_config = scheduler_config
        self._engine = engine
        self._condition = Conditioner(bundle, token_embeddings, engine)
        self._decoder = Decoder(engine, bundle.scaling_factor, bundle.max_rows)
        self._jobs: list[Job] = []
        self._arrived = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Starts the loop, once; needs a running event loop."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._denoise(), name="denoise"),
                asyncio.create_task(self._decoder.run(), name="decode"),
            ]

    async def draw(self, request: SamplingRequest, caller: Caller) -> None:
        """Draws all pictures of a request; returns after the last one was handed over.

        Raises:
            sampler.engine.EngineError: a model could not be run.
            sampler.job.CancelledByCaller: the caller has gone.
        """
        conditioning = await self._condition(request)
        bundle = self._bundle
        latent_shape = (bundle.latent_channels, bundle.latent_height, bundle.latent_width)
        pictures = [
            Picture(request, index, conditioning, self._scheduler_config, latent_shape)
            for index in range(len(request.seeds))
        ]
        job = Job(pictures, request.steps, caller)
        self._jobs.append(job)
        self._arrived.set()
        await job.finished

    async def _denoise(self) -> None:
        while True:
            for job in self._jobs:
                job.drop_if_cancelled()
            self._jobs = [job for job in self._jobs if job.pictures]
            if not self._jobs:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            await self._step(choose([job.pictures for job in self._jobs], self._bundle.max_rows))
            self._jobs.append(self._jobs.pop(0))

    async def _step(self, batch: Sequence[Picture]) -> None:
        owners = {picture: job for job in self._jobs for picture in job.pictures}
        try:
            noise = await self._engine("unet", assemble(batch), "noise_pred")
        except Exception as error:
            for picture in batch:
                owners[picture].fail(error)
            return
        answers: dict[Job, list[tuple[Picture, Array]]] = {}
        for picture, rows in zip(batch, split(noise, batch), strict=True):
            answers.setdefault(owners[picture], []).append((picture, rows))
        for job, advances in answers.items():
            try:
                self._advance(job, advances)
            except Exception as error:  # one request's trouble is not the others'
                job.fail(error)

    def _advance(self, job: Job, advances: Sequence[tuple[Picture, Array]]) -> None:
        if job.finished.done():
            return
        for picture, rows in advances:
            picture.advance(rows)
            if picture.finished:
                job.pictures.remove(picture)
                self._decoder.add(job, picture)
        job.advanced(len(advances))
