"""`GenerationService`: from a prompt with names to pictures."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager

import numpy as np
import numpy.typing as npt
from google.protobuf.message import Message

from likeness.v1 import generation_service_pb2 as pb
from likeness.v1 import generation_service_pb2_grpc as pb_grpc
from service.caller import caller
from service.context import Context
from service.deadlines import within
from service.drawing import Drawing
from service.errors import DeadlineExceededError, Violation
from service.metrics import Metrics
from service.pictures import MIME_TYPE, encode_preview
from service.planning import Plan, Planner
from service.provenance import Provenance
from service.quotas import Quotas
from service.rules import Further
from service.sampler_events import SamplerImage, SamplerPreview, SamplerProgress
from service.settings import GenerationSettings
from service.several import draw_all
from telemetry.exemplars import exemplar

Event = pb.GenerationProgress | pb.GenerationPreview | pb.GeneratedImage


class GenerationService(pb_grpc.GenerationServiceServicer):
    """Answers for everything before and after Triton."""

    def __init__(
        self,
        planner: Planner,
        drawing: Drawing,
        provenance: Provenance,
        quotas: Quotas,
        metrics: Metrics,
        settings: GenerationSettings,
    ) -> None:
        self._planner, self._drawing, self._provenance = planner, drawing, provenance
        self._quotas, self._metrics, self._settings = quotas, metrics, settings

    @property
    def further(self) -> Mapping[type[Message], Further]:
        """What the handlers find besides broken rules of the protos."""
        return {pb.GenerateRequest: self._violations, pb.StreamGenerateRequest: self._violations}

    async def Generate(self, request: pb.GenerateRequest, context: Context) -> pb.GenerateResponse:
        """All pictures at once."""
        async with aclosing(self._draw(request.spec, context)) as events:
            images = [event async for event in events if isinstance(event, pb.GeneratedImage)]
        images.sort(key=_index)
        return pb.GenerateResponse(images=images)

    async def StreamGenerate(
        self, request: pb.StreamGenerateRequest, context: Context
    ) -> AsyncIterator[pb.StreamGenerateResponse]:
        """Progress and previews, and each picture when it is finished."""
        async with aclosing(self._draw(request.spec, context, request.preview_every)) as events:
            async for event in events:
                match event:
                    case pb.GeneratedImage():
                        yield pb.StreamGenerateResponse(image=event)
                    case pb.GenerationPreview():
                        yield pb.StreamGenerateResponse(preview=event)
                    case pb.GenerationProgress():
                        yield pb.StreamGenerateResponse(progress=event)

    async def _violations(
        self, request: pb.GenerateRequest | pb.StreamGenerateRequest
    ) -> list[Violation]:
        return await self._planner.violations(request.spec, caller().tenant)

    async def _draw(
        self, spec: pb.GenerationSpec, context: Context, preview_every: int = 0
    ) -> AsyncGenerator[Event]:
        tenant = caller().tenant
        timeout = self._settings.timeout_seconds
        if (remaining := context.time_remaining()) is not None:
            timeout = min(timeout, remaining)
        end = time.monotonic() + timeout
        async with within(timeout, "the preparation of the pictures took too long"):
            plan = await self._planner.plan(spec, tenant, preview_every)
        if (timeout := end - time.monotonic()) <= 0:
            raise DeadlineExceededError("the call's deadline is over", "DEADLINE_EXCEEDED")
        self._metrics.asked(tenant, "generation")
        async with (
            self._quotas.generation(tenant, timeout),
            self._measured() as progressed,
            aclosing(draw_all(self._drawing, plan.requests, timeout)) as events,
        ):
            async for event in events:
                match event:
                    case SamplerProgress(step, total_steps, position):
                        progressed(step)
                        yield pb.GenerationProgress(
                            step=step, total_steps=total_steps, queue_position=position
                        )
                    case SamplerPreview(index, step, pixels):
                        yield await _preview(index, step, pixels)
                    case SamplerImage(index, pixels):
                        yield await self._image(index, pixels, plan)
                        self._metrics.drawn(tenant)

    async def _image(
        self, index: int, pixels: npt.NDArray[np.uint8] | None, plan: Plan
    ) -> pb.GeneratedImage:
        making, drawn = plan.making(index), plan.requests[0]
        image = pb.GeneratedImage(
            index=index,
            seed=making.seed,
            width=drawn.width,
            height=drawn.height,
            prompt_index=plan.prompt_index(index),
            finish_reason=pb.GeneratedImage.FINISH_REASON_FILTERED,
        )
        if pixels is None:
            self._metrics.images_filtered.inc()
            return image
        with self._metrics.encode_seconds.time():
            published = await asyncio.to_thread(self._provenance.publish, pixels, making)
        image.data, image.mime_type = published.png, MIME_TYPE
        image.watermarked, image.content_credentials = published.watermarked, published.signed
        image.finish_reason = pb.GeneratedImage.FINISH_REASON_COMPLETED
        return image

    @asynccontextmanager
    async def _measured(self) -> AsyncIterator[Callable[[int], None]]:
        """Measures a drawing; what it yields is to be told how many steps are done."""
        started = time.monotonic()
        begun, outcome = False, "succeeded"

        def progressed(steps: int) -> None:
            nonlocal begun
            if steps and not begun:
                begun = True
                waited = time.monotonic() - started
                self._metrics.generation_first_step_seconds.observe(waited, exemplar())

        self._metrics.generations_in_flight.inc()
        try:
            yield progressed
        except (asyncio.CancelledError, GeneratorExit):
            outcome = "cancelled"
            raise
        except BaseException:
            outcome = "failed"
            raise
        finally:
            self._metrics.generations_in_flight.dec()
            seconds = time.monotonic() - started
            self._metrics.generation_seconds.labels(outcome).observe(seconds, exemplar())


def _index(image: pb.GeneratedImage) -> int:
    return image.index


async def _preview(index: int, step: int, pixels: npt.NDArray[np.uint8]) -> pb.GenerationPreview:
    data = await asyncio.to_thread(encode_preview, pixels)
    return pb.GenerationPreview(data=data, mime_type=MIME_TYPE, index=index, step=step)
