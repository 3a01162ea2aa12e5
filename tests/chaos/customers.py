"""Callers that write down what they were promised, and complain of what is not true."""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.longrunning import operations_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from PIL import Image

from likeness.v1 import generation_service_pb2 as generation_pb
from likeness.v1 import identity_service_pb2 as pb
from tests.chaos.stack import LIMIT_SECONDS
from tests.service.gateway import Gateway, Stubs, details, encode

GRACE_SECONDS = 3.0
"""How long after its deadline a call may end, on a busy machine."""
WAIT = Duration(seconds=1)
"""For the end of a training, in one call."""

Code = grpc.StatusCode
OUTAGES = {Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED, Code.RESOURCE_EXHAUSTED}
"""What a caller may be told while something is broken; whatever else is wrong is his own fault."""


@dataclass
class Ledger:
    """What was promised.

    Attributes:
        operations: identity of each acknowledged training.
        ready: identities that were seen READY, and not asked to be deleted.
        deleted: identities whose deletion was acknowledged.
        calls: how many ended with which code.
        complaints: whatever was not as it must be.
    """

    operations: dict[str, str] = field(default_factory=dict)
    ready: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    calls: Counter[tuple[str, Code]] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)


class Customers:
    """They call for as long as :meth:`calling` lasts.

    Args:
        gateway: may be away at times.
        seed: of what they do.
    """

    def __init__(self, gateway: Gateway, seed: int) -> None:
        self._gateway = gateway
        self._photo = encode(Image.effect_noise((96, 96), 64).convert("RGB"))
        self._chance = random.Random(seed)
        self._stop = asyncio.Event()
        self.ledger = Ledger()
        self.learned = asyncio.Event()  # somebody is

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[None]:
        """Two train and delete, three draw."""
        async with self._gateway.stubs() as stubs:
            acts = [self._train(stubs, each) for each in range(2)]
            acts += [self._draw(stubs), self._draw(stubs), self._watch_drawing(stubs)]
            tasks = [asyncio.create_task(act) for act in acts]
            try:
                yield
            finally:
                self._stop.set()
                await asyncio.gather(*tasks)

    async def _train(self, stubs: Stubs, number: int) -> None:
        """Trains one person after the other, and has every third one deleted."""
        count = 0
        while not self._stop.is_set():
            count += 1
            identity_id, key = f"person-{number}-{count}", self._uuid()
            request = pb.TrainIdentityRequest(
                image=self._photo, identity_id=identity_id, request_id=key
            )
            operation = await self._insist(
                "TrainIdentity", lambda limit, r=request: stubs.identities.TrainIdentity(r, **limit)
            )
            self.ledger.operations[operation.name] = name = f"identities/{identity_id}"
            wait = operations_pb2.WaitOperationRequest(name=operation.name, timeout=WAIT)
            while not operation.done and not self._stop.is_set():
                operation = await self._insist(
                    "WaitOperation",
                    lambda limit, r=wait: stubs.operations.WaitOperation(r, **limit),
                )
            if operation.done:
                get = pb.GetIdentityRequest(name=name)
                answer = await self._insist(
                    "GetIdentity", lambda limit, r=get: stubs.identities.GetIdentity(r, **limit)
                )
                if answer.identity.state == pb.Identity.STATE_READY:
                    self.ledger.ready.add(name)
                    self.learned.set()
                else:
                    self.ledger.complaints.append(f"{operation.name} is done, but not READY")
            if count % 3 == 0 and name in self.ledger.ready:
                self.ledger.ready.discard(name)
                delete = pb.DeleteIdentityRequest(name=name)
                await self._insist(
                    "DeleteIdentity",
                    lambda limit, r=delete: stubs.identities.DeleteIdentity(r, **limit),
                    done=Code.NOT_FOUND,  # by a call before, whose answer was lost
                )
                self.ledger.deleted.add(name)

    async def _draw(self, stubs: Stubs) -> None:
        while not self._stop.is_set():
            request = generation_pb.GenerateRequest(spec=self._spec())
            answer = await self._call(
                "Generate", lambda limit, r=request: stubs.generation.Generate(r, **limit)
            )
            if answer is not None and len(answer.images) != 1:
                self.ledger.complaints.append(f"Generate: {len(answer.images)} pictures")

    async def _watch_drawing(self, stubs: Stubs) -> None:
        async def stream(request: Any, limit: dict[str, float]) -> int:
            events = stubs.generation.StreamGenerate(request, **limit)
            return sum([event.HasField("image") async for event in events])

        while not self._stop.is_set():
            request = generation_pb.StreamGenerateRequest(spec=self._spec())
            pictures = await self._call("StreamGenerate", lambda limit, r=request: stream(r, limit))
            if pictures not in (None, 1):
                self.ledger.complaints.append(f"StreamGenerate: {pictures} pictures")

    def _spec(self) -> generation_pb.GenerationSpec:
        """Of somebody who is not about to be deleted, or of nobody."""
        if not self.ledger.ready or self._chance.random() < 0.2:
            return generation_pb.GenerationSpec(prompt="a photo", steps=3)
        name = self._chance.choice(sorted(self.ledger.ready))
        return generation_pb.GenerationSpec(
            prompt="a photo of <one>", identities={"one": name}, steps=3
        )

    async def _insist(
        self,
        method: str,
        call: Callable[[dict[str, float]], Awaitable[Any]],
        done: Code | None = None,
    ) -> Any:
        """Calls until there is an answer; to a further call also ``done``, which says as much."""
        answer = await self._call(method, call)
        while answer is None:
            answer = await self._call(method, call, done)
        return answer

    async def _call(
        self,
        method: str,
        call: Callable[[dict[str, float]], Awaitable[Any]],
        done: Code | None = None,
    ) -> Any | None:
        """One call, with a deadline of its own or the gateway's; None if it had to fail.

        Where it ends as ``done``, that is the answer.
        """
        limit: dict[str, float] = (
            {"timeout": self._chance.uniform(0.5, LIMIT_SECONDS)}
            if self._chance.random() < 0.5
            else {}
        )
        began = time.monotonic()
        try:
            answer, code = await call(limit), Code.OK
        except grpc.aio.AioRpcError as error:
            code = error.code()
            answer = code if code is done else None
            if code not in OUTAGES and code is not done:
                info = details(error).get(error_details_pb2.ErrorInfo)
                self.ledger.complaints.append(f"{method}: {code.name}, {info}, {error.details()}")
            await asyncio.sleep(0.1)
        self.ledger.calls[method, code] += 1
        late = time.monotonic() - began - limit.get("timeout", LIMIT_SECONDS)
        if late > GRACE_SECONDS:
            self.ledger.complaints.append(f"{method}: {code.name} {late:.1f} s after its deadline")
        return answer

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))
