"""`GenerationService`: from a prompt with names to pictures."""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import structlog

from identity import Identity
from likeness.v1 import generation_service_pb2 as pb
from likeness.v1 import generation_service_pb2_grpc as pb_grpc
from service.bundle import Bundle, BundleSource
from service.cache import IdentityCache
from service.context import Context
from service.errors import (
    DeadlineExceededError,
    FailedPreconditionError,
    InvalidRequestError,
    NotFoundError,
)
from service.metrics import Metrics
from service.names import IDENTITY_TYPE, identity_name, parse_identity_name
from service.pictures import MIME_TYPE, Making, encode_png
from service.sampler_client import SamplerClient, SamplerImage, SamplerProgress, SamplerRequest
from service.settings import GenerationSettings
from service.store import IdentityRecord, IdentityState, IdentityStore
from service.validation import spec_violations

log = structlog.get_logger()

RANDOM_SEEDS = 2**32
"""Seeds chosen by the service are below, so that they are short to write down."""


@dataclass(frozen=True)
class _Plan:
    request: SamplerRequest
    base_model_digest: str

    def making(self, index: int) -> Making:
        request = self.request
        return Making(
            request.seeds[index], request.steps, request.guidance_scale, self.base_model_digest
        )


class GenerationService(pb_grpc.GenerationServiceServicer):
    """Answers for everything before and after Triton."""

    def __init__(
        self,
        identities: IdentityStore,
        cache: IdentityCache,
        bundles: BundleSource,
        sampler: SamplerClient,
        metrics: Metrics,
        settings: GenerationSettings,
    ) -> None:
        self._identities, self._cache, self._bundles = identities, cache, bundles
        self._sampler, self._metrics, self._settings = sampler, metrics, settings

    async def Generate(self, request: pb.GenerateRequest, context: Context) -> pb.GenerateResponse:
        """All pictures at once."""
        async with aclosing(self._draw(request.spec, context)) as events:
            images = [event async for event in events if isinstance(event, pb.GeneratedImage)]
        images.sort(key=_index)
        return pb.GenerateResponse(images=images)

    async def StreamGenerate(
        self, request: pb.StreamGenerateRequest, context: Context
    ) -> AsyncIterator[pb.StreamGenerateResponse]:
        """Progress, and each picture when it is finished."""
        async with aclosing(self._draw(request.spec, context)) as events:
            async for event in events:
                if isinstance(event, pb.GeneratedImage):
                    yield pb.StreamGenerateResponse(image=event)
                else:
                    yield pb.StreamGenerateResponse(progress=event)

    async def _draw(
        self, spec: pb.GenerationSpec, context: Context
    ) -> AsyncGenerator[pb.GenerationProgress | pb.GeneratedImage]:
        plan = await self._plan(spec)
        timeout = self._settings.timeout_seconds
        if (remaining := context.time_remaining()) is not None:
            timeout = min(timeout, remaining)
        if timeout <= 0:
            raise DeadlineExceededError("the call's deadline is over", "DEADLINE_EXCEEDED")
        with self._measured():
            async with aclosing(self._sampler.sample(plan.request, timeout)) as events:
                async for event in events:
                    match event:
                        case SamplerProgress(step, total_steps):
                            yield pb.GenerationProgress(step=step, total_steps=total_steps)
                        case SamplerImage(index, pixels):
                            yield await _picture(index, pixels, plan.making(index))
                            self._metrics.images.inc()

    async def _plan(self, spec: pb.GenerationSpec) -> _Plan:
        """Everything that can be refused is refused here."""
        bundle = await self._bundles.find()
        violations = spec_violations(spec, bundle.tokenizer if bundle else None)
        if violations:
            raise InvalidRequestError(violations)
        bundle = bundle or await self._bundles.get()
        tokens = await self._tokens(spec, bundle)
        prompt = bundle.tokenizer(spec.prompt, tokens.keys())
        rows = {word: row for row, word in enumerate(tokens)}
        image_count = spec.image_count if spec.HasField("image_count") else 1
        seed = spec.seed if spec.HasField("seed") else secrets.randbelow(RANDOM_SEEDS)
        default = self._settings
        request = SamplerRequest(
            prompt_ids=prompt.token_ids,
            negative_ids=bundle.tokenizer(spec.negative_prompt).token_ids,
            placeholders=tuple((each.position, rows[each.word]) for each in prompt.placeholders),
            identities=np.stack(list(tokens.values())) if tokens else np.zeros(0, np.float32),
            seeds=tuple(range(seed, seed + image_count)),
            steps=spec.steps if spec.HasField("steps") else default.steps,
            guidance_scale=(
                spec.guidance_scale if spec.HasField("guidance_scale") else default.guidance_scale
            ),
        )
        return _Plan(request, bundle.description.base_model_digest)

    async def _tokens(
        self, spec: pb.GenerationSpec, bundle: Bundle
    ) -> dict[str, npt.NDArray[np.float32]]:
        """``[S, 2, D]`` of each placeholder word."""
        ids = {word: parse_identity_name(name) for word, name in spec.identities.items()}
        records = await self._identities.get_all(set(ids.values())) if ids else {}
        for identity_id in ids.values():
            _check_usable(identity_id, records.get(identity_id), bundle)
        return {
            word: _for_stages(await self._cache.get(records[identity_id]), bundle, identity_id)
            for word, identity_id in ids.items()
        }

    @contextmanager
    def _measured(self) -> Iterator[None]:
        started = time.monotonic()
        outcome = "succeeded"
        self._metrics.generations_in_flight.inc()
        try:
            yield
        except (asyncio.CancelledError, GeneratorExit):
            outcome = "cancelled"
            raise
        except BaseException:
            outcome = "failed"
            raise
        finally:
            self._metrics.generations_in_flight.dec()
            seconds = time.monotonic() - started
            self._metrics.generation_seconds.labels(outcome).observe(seconds)


def _check_usable(identity_id: str, record: IdentityRecord | None, bundle: Bundle) -> None:
    name = identity_name(identity_id)
    if record is None:
        raise NotFoundError(IDENTITY_TYPE, name)
    if record.state is not IdentityState.READY:
        message = f"{name} is not READY: its training " + (
            "is not done yet" if record.state is IdentityState.TRAINING else "failed"
        )
        raise FailedPreconditionError(IDENTITY_TYPE, name, message, "IDENTITY_NOT_READY")
    served = bundle.description.base_model_digest
    if record.base_model_digest != served:
        raise FailedPreconditionError(
            IDENTITY_TYPE,
            name,
            f"{name} was learned on the base model {record.base_model_digest[:19]}, "
            f"but {served[:19]} is served",
            "BASE_MODEL_MISMATCH",
        )


def _for_stages(identity: Identity, bundle: Bundle, identity_id: str) -> npt.NDArray[np.float32]:
    """``[S, 2, D]``; an identity without stages is the same in all of them."""
    stages, width = bundle.description.stages, bundle.description.token_width
    if identity.stages not in (1, stages) or identity.width != width:
        name = identity_name(identity_id)
        raise FailedPreconditionError(
            IDENTITY_TYPE,
            name,
            f"{name} has {identity.stages} stages of width {identity.width}, "
            f"but {stages} of {width} are served",
            "IDENTITY_SHAPE_MISMATCH",
        )
    return np.broadcast_to(identity.tokens, (stages, 2, width))


def _index(image: pb.GeneratedImage) -> int:
    return image.index


async def _picture(index: int, pixels: npt.NDArray[np.uint8], making: Making) -> pb.GeneratedImage:
    height, width = pixels.shape[:2]
    return pb.GeneratedImage(
        data=await asyncio.to_thread(encode_png, pixels, making),
        mime_type=MIME_TYPE,
        index=index,
        seed=making.seed,
        width=width,
        height=height,
    )
