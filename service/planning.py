"""From what a caller asks for to what the sampler draws; everything that can be refused is refused
here.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from identity import Identity
from identity.strength import blend
from likeness.v1 import generation_service_pb2 as pb
from service.bundle import Bundle, BundleSource
from service.cache import IdentityCache
from service.caller import uses
from service.decoding import MIN_SIDE, ImageRefusedError
from service.errors import InvalidRequestError, Violation
from service.images import ImageDecoder
from service.names import parse_identity_name
from service.pictures import Making
from service.sampler_request import SamplerRequest
from service.settings import GenerationSettings
from service.spec_validation import spec_violations
from service.store import IdentityStore
from service.usable import check_base_model, check_shape, ready

RANDOM_SEEDS = 2**32
"""Seeds chosen by the service are below, so that they are short to write down."""

DEFAULT_INIT_STRENGTH = 0.8

RANKS: dict[int, int] = {pb.PRIORITY_LOW: -1, pb.PRIORITY_NORMAL: 0, pb.PRIORITY_HIGH: 1}
"""The sampler's numbers."""


@dataclass(frozen=True)
class Plan:
    """What the sampler draws, a request for each prompt, and how its pictures were made."""

    requests: tuple[SamplerRequest, ...]
    base_model_digest: str

    def prompt_index(self, index: int) -> int:
        """Which prompt a picture shows."""
        return index // len(self.requests[0].seeds)

    def making(self, index: int) -> Making:
        """How one of the pictures is made."""
        request = self.requests[self.prompt_index(index)]
        return Making(
            request.seeds[index % len(request.seeds)],
            request.steps,
            request.guidance_scale,
            request.scheduler,
            self.base_model_digest,
        )


class Planner:
    """Checks requests and gathers what they need."""

    def __init__(
        self,
        identities: IdentityStore,
        cache: IdentityCache,
        bundles: BundleSource,
        decoder: ImageDecoder,
        settings: GenerationSettings,
    ) -> None:
        self._identities, self._cache, self._bundles = identities, cache, bundles
        self._decoder, self._settings = decoder, settings

    async def plan(self, spec: pb.GenerationSpec, tenant: str, preview_every: int) -> Plan:
        """The plan of a request.

        Args:
            spec: what to draw.
            tenant: whose request it is.
            preview_every: steps between two previews; 0: none.

        Raises:
            InvalidRequestError, NotFoundError, FailedPreconditionError, DataLossError,
            UnavailableError: see there.
        """
        bundle = await self._bundles.find()
        ceiling = self._ceiling(tenant)
        violations = spec_violations(spec, bundle, ceiling)
        if not violations:
            bundle = bundle or await self._bundles.get()
        init_image = await self._init_image(spec, bundle, violations)
        if violations or bundle is None:
            raise InvalidRequestError(violations)
        tokens = await self._tokens(spec, tenant, bundle)
        seed = spec.seed if spec.HasField("seed") else secrets.randbelow(RANDOM_SEEDS)
        default, model, start = self._settings, bundle.description, spec.init_image
        height, width = _size(spec, bundle)
        interval = spec.guidance_interval
        first = SamplerRequest(
            **_of_prompt(spec.prompt, tokens, bundle),
            negative_ids=bundle.tokenizer(spec.negative_prompt).token_ids,
            seeds=tuple(seed + i for i in range(spec.image_count or 1)),
            steps=spec.steps if spec.HasField("steps") else default.steps,
            guidance_scale=(
                spec.guidance_scale if spec.HasField("guidance_scale") else default.guidance_scale
            ),
            guidance_interval=(
                (interval.first, interval.last) if spec.HasField("guidance_interval") else None
            ),
            scheduler=(
                pb.Scheduler.Name(spec.scheduler).removeprefix("SCHEDULER_").lower()
                if spec.scheduler
                else default.scheduler
            ),
            height=height,
            width=width,
            init_image=init_image,
            init_strength=start.strength if start.HasField("strength") else DEFAULT_INIT_STRENGTH,
            preview_every=preview_every,
            tenant=tenant,
            priority=RANKS[spec.priority or min(pb.PRIORITY_NORMAL, ceiling)],
        )
        others = (
            replace(first, **_of_prompt(prompt, tokens, bundle))
            for prompt in spec.additional_prompts
        )
        return Plan((first, *others), model.base_model_digest)

    async def violations(self, spec: pb.GenerationSpec, tenant: str) -> list[Violation]:
        """Everything that makes :meth:`plan` refuse a request as invalid."""
        bundle = await self._bundles.find()
        found = spec_violations(spec, bundle, self._ceiling(tenant))
        await self._init_image(spec, bundle, found)
        return found

    def _ceiling(self, tenant: str) -> int:
        return pb.Priority.Value(f"PRIORITY_{self._settings.ceiling_of(tenant).upper()}")

    async def _init_image(
        self, spec: pb.GenerationSpec, bundle: Bundle | None, violations: list[Violation]
    ) -> npt.NDArray[np.uint8] | None:
        """The picture to start from; what is wrong with it joins the ``violations``."""
        if not spec.HasField("init_image"):
            return None
        height, width = (MIN_SIDE, MIN_SIDE) if violations or not bundle else _size(spec, bundle)
        try:
            return await self._decoder.fitted(spec.init_image.data, height, width)
        except ImageRefusedError as error:
            violations.append(Violation("spec.init_image.data", str(error)))
            return None

    async def _tokens(
        self, spec: pb.GenerationSpec, tenant: str, bundle: Bundle
    ) -> dict[str, npt.NDArray[np.float32]]:
        """``[S, 2, D]`` of each placeholder word, blended with its class noun as asked."""
        ids = {word: parse_identity_name(name) for word, name in spec.identities.items()}
        records = await self._identities.get_all(tenant, set(ids.values())) if ids else {}
        for identity_id in ids.values():
            record = ready(identity_id, records.get(identity_id))
            uses(record.uid)
            check_base_model(identity_id, record.base_model_digest, bundle)
        tokens = {}
        for word, identity_id in ids.items():
            record = records[identity_id]
            tokens[word] = _for_stages(await self._cache.get(record), bundle, identity_id)
            if word in spec.strengths:
                stages = np.array(spec.strengths[word].stages, np.float32)
                strength = np.broadcast_to(stages[:, None], (bundle.description.stages, 2))
                tokens[word] = blend(tokens[word], bundle.embedding(record.class_noun), strength)
        return tokens


def _of_prompt(
    text: str, tokens: Mapping[str, npt.NDArray[np.float32]], bundle: Bundle
) -> dict[str, Any]:
    """The fields of a sampler's request that depend on the prompt."""
    used = [word for word in tokens if f"<{word}>" in text]
    prompt = bundle.tokenizer(text, used)
    rows = {word: row for row, word in enumerate(used)}
    return {
        "prompt_ids": prompt.token_ids,
        "placeholders": tuple((each.position, rows[each.word]) for each in prompt.placeholders),
        "identities": np.stack([tokens[w] for w in used]) if used else np.zeros(0, np.float32),
    }


def _size(spec: pb.GenerationSpec, bundle: Bundle) -> tuple[int, int]:
    """Height and width of the pictures."""
    model = bundle.description
    height = spec.height if spec.HasField("height") else model.image_height
    width = spec.width if spec.HasField("width") else model.image_width
    return height, width


def _for_stages(identity: Identity, bundle: Bundle, identity_id: str) -> npt.NDArray[np.float32]:
    """``[S, 2, D]``; an identity without stages is the same in all of them."""
    check_shape(identity_id, identity, bundle)
    stages, width = bundle.description.stages, bundle.description.token_width
    return np.broadcast_to(identity.tokens, (stages, 2, width))
