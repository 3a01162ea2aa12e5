"""What is asked of a gateway while it is measured, and what it uses meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import grpc
import numpy as np
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc

from identity import Identity, ServingBundle
from likeness.v1 import generation_service_pb2 as generation_pb
from likeness.v1 import generation_service_pb2_grpc as generation_grpc
from likeness.v1 import identity_service_pb2 as pb
from likeness.v1 import identity_service_pb2_grpc as identity_grpc

OPTIONS = [
    ("grpc.use_local_subchannel_pool", 1),  # connections of their own, so that processes share them
    ("grpc.max_receive_message_length", -1),
]
MIB = 2**20
SOAK_HANDS = 4


@dataclass(frozen=True)
class Use:
    """What a gateway's processes have used, trainers and decoders included.

    Attributes:
        seconds: of CPU, so far.
        memory: resident, in MiB.
        files: open descriptors.
    """

    seconds: float
    memory: float
    files: int


def use_of(pid: int) -> Use:
    """Of a process and its children."""
    parent = psutil.Process(pid)
    seconds, memory, files = 0.0, 0, 0
    for process in (parent, *parent.children(recursive=True)):
        times = process.cpu_times()
        seconds += times.user + times.system
        memory += process.memory_info().rss
        files += process.num_fds()
    return Use(seconds, memory / MIB, files)


class Caller:
    """Stubs on a few connections, taken in turn."""

    def __init__(self, channels: list[grpc.aio.Channel]) -> None:
        self._health: Any = cycle(health_pb2_grpc.HealthStub(each) for each in channels)
        self._identities: Any = cycle(identity_grpc.IdentityServiceStub(each) for each in channels)
        self._generation: Any = cycle(
            generation_grpc.GenerationServiceStub(each) for each in channels
        )

    async def learned(self, bundle: ServingBundle, identity_id: str) -> str:
        """Imports an identity that fits the bundle; its name."""
        tokens = np.zeros((bundle.stages, 2, bundle.token_width), np.float32)
        artifact = Identity(tokens, bundle.base_model_digest, "face").to_bytes()
        request = pb.ImportIdentityRequest(identity_id=identity_id, artifact=artifact)
        answer = await next(self._identities).ImportIdentity(request)
        return str(answer.identity.name)

    async def check(self) -> None:
        """`Check` of a service that stands on nothing: a call of gRPC and no more."""
        request = health_pb2.HealthCheckRequest(service="likeness.v1.ProvenanceService")
        await next(self._health).Check(request)

    async def get(self, name: str) -> None:
        """`GetIdentity`."""
        await next(self._identities).GetIdentity(pb.GetIdentityRequest(name=name))

    async def list(self) -> None:
        """`ListIdentities`."""
        await next(self._identities).ListIdentities(pb.ListIdentitiesRequest())

    async def delete(self, name: str) -> None:
        """`DeleteIdentity`."""
        await next(self._identities).DeleteIdentity(pb.DeleteIdentityRequest(name=name))

    async def draw(self, name: str, side: int, steps: int) -> None:
        """`Generate`, one picture."""
        request = generation_pb.GenerateRequest(spec=spec(name, side, steps))
        await next(self._generation).Generate(request)

    async def stream(self, name: str, side: int, steps: int) -> int:
        """`StreamGenerate`, one picture; the messages that came."""
        request = generation_pb.StreamGenerateRequest(spec=spec(name, side, steps))
        count = 0
        async for _ in next(self._generation).StreamGenerate(request):
            count += 1
        return count


def spec(name: str, side: int, steps: int) -> generation_pb.GenerationSpec:
    """A picture of an identity."""
    return generation_pb.GenerationSpec(
        prompt="a photo of <one>",
        identities={"one": name},
        width=side,
        height=side,
        steps=steps,
        seed=1,
    )


@asynccontextmanager
async def calling(address: str, connections: int) -> AsyncIterator[Caller]:
    """A caller of a gateway."""
    async with AsyncExitStack() as stack:
        channels = [
            await stack.enter_async_context(grpc.aio.insecure_channel(address, options=OPTIONS))
            for _ in range(connections)
        ]
        yield Caller(channels)


@dataclass(frozen=True)
class Rate:
    """Calls, one after the other in each of several hands.

    Attributes:
        each_second: on the clock, which other work on the machine slows down.
        a_core: calls for a second of the gateway's CPU time.
        median: seconds of a call.
    """

    each_second: float
    a_core: float
    median: float


async def rate(pid: int, call: Callable[[], Awaitable[object]], seconds: float, hands: int) -> Rate:
    """How many calls a gateway answers."""
    latencies: list[float] = []
    began, before = time.monotonic(), use_of(pid)

    async def repeat() -> None:
        while (started := time.monotonic()) - began < seconds:
            await call()
            latencies.append(time.monotonic() - started)

    await asyncio.gather(*(repeat() for _ in range(hands)))
    used = use_of(pid).seconds - before.seconds
    elapsed = time.monotonic() - began
    return Rate(len(latencies) / elapsed, len(latencies) / used, float(np.median(latencies)))


async def soak(pid: int, caller: Caller, bundle: ServingBundle, seconds: float) -> list[Use]:
    """Everything that callers do, at an easy pace; what the gateway uses, second by second."""
    kept = await caller.learned(bundle, "kept")
    until, uses = time.monotonic() + seconds, []

    async def act(hand: int) -> None:
        number = 0
        while time.monotonic() < until:
            number += 1
            name = await caller.learned(bundle, f"soak-{hand}-{number}")
            await caller.draw(name, 64, 1)
            await caller.stream(kept, 64, 3)
            await caller.get(name)
            await caller.list()
            await caller.delete(name)
            await asyncio.sleep(0.1)

    acting = asyncio.gather(*(act(hand) for hand in range(SOAK_HANDS)))
    while not acting.done():
        uses.append(use_of(pid))
        await asyncio.wait([acting], timeout=1.0)
    await acting
    return uses
