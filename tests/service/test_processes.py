"""A gateway of two processes on one port."""

import asyncio
import os
import re
import select
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2
from google.rpc import error_details_pb2

from likeness.v1 import identity_service_pb2 as pb
from tests.service.gateway import Gateway, Stubs, details, identity_of, metadata_of, scripted
from tests.service.test_leadership import logged
from tests.service.test_start_and_stop import start_and_end
from tests.support.postgres import PostgresServer

Start = Callable[..., Gateway]

CONNECTIONS = 20
"""The kernel spreads them by chance; that one process gets all is as good as impossible."""


@asynccontextmanager
async def connections(gateway: Gateway) -> AsyncIterator[list[Stubs]]:
    """Clients with connections of their own."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with AsyncExitStack() as stack:
        channels = [
            grpc.aio.insecure_channel(gateway.address, options=options) for _ in range(CONNECTIONS)
        ]
        yield [Stubs(await stack.enter_async_context(channel)) for channel in channels]


async def serving(gateway: Gateway, count: int) -> list[dict[str, Any]]:
    """Who serves since when, as soon as so many processes have begun to."""
    async with asyncio.timeout(60):
        while True:
            if len(lines := gateway.events("process_serves")) >= count:
                return lines
            await asyncio.sleep(0.1)


async def begun(stubs: Stubs) -> None:
    """Waits until all trainings have reported a step: one that has not would stall later on."""
    async with asyncio.timeout(60):
        while True:
            everything = operations_pb2.ListOperationsRequest(name="operations")
            found = await stubs.operations.ListOperations(everything)
            if all(metadata_of(each).step for each in found.operations):
                return
            await asyncio.sleep(0.1)


def metric(gateway: Gateway, name: str, method: str) -> float:
    found = re.findall(rf'{name}{{.*grpc_method="{method}".*}} (.*)', gateway.metrics())
    return sum(map(float, found))


async def list_all(clients: list[Stubs]) -> None:
    await asyncio.gather(
        *(each.identities.ListIdentities(pb.ListIdentitiesRequest()) for each in clients)
    )


async def cut(watch: AsyncIterator[pb.WatchTrainingResponse]) -> bool:
    """Whether a watcher loses its connection before its training is over."""
    try:
        async for _ in watch:
            pass
    except grpc.aio.AioRpcError:
        return True
    return False


async def test_one_process_is_killed_and_nothing_is_lost(
    start_gateway: Start, photo: bytes
) -> None:
    gateway = start_gateway(PROCESSES="2", **scripted("stall", "succeed"))
    processes = {line["process"]: line["pid"] for line in await serving(gateway, 2)}
    assert processes.keys() == {0, 1}
    leader = (await logged(gateway, "dispatching", 10))["process"]
    async with connections(gateway) as clients, asyncio.timeout(120):
        await list_all(clients)
        assert {line["process"] for line in gateway.events("rpc")} == {0, 1}
        assert metric(gateway, "grpc_server_handled_total", "ListIdentities") == CONNECTIONS

        # Every acknowledged training gets done, whichever process took it.
        names = await asyncio.gather(*(each.train(photo) for each in clients[:6]))
        await begun(clients[0])
        watches = [each.watch(names[0]) for each in clients]
        await asyncio.gather(*map(anext, watches))
        assert metric(gateway, "likeness_rpc_in_flight", "WatchTraining") == CONNECTIONS
        os.kill(processes[leader], signal.SIGKILL)
        await logged(gateway, "process_died", 10, process=leader, status=-signal.SIGKILL)
        in_flight = metric(gateway, "likeness_rpc_in_flight", "WatchTraining")
        assert 0 < in_flight < CONNECTIONS
        lost = await asyncio.gather(*map(cut, watches))
        assert lost.count(False) == in_flight
        survivor = clients[lost.index(False)]
        for name in names:
            assert identity_of(await survivor.finished(name)).state == pb.Identity.STATE_READY
        listed = await survivor.identities.ListIdentities(pb.ListIdentitiesRequest())
        assert len(listed.identities) == len(names)

    # Its successor serves, and counts on where it stopped.
    successor = (await serving(gateway, 3))[-1]
    assert successor["process"] == leader
    async with connections(gateway) as clients:
        await list_all(clients)
        assert {line["process"] for line in gateway.events("rpc")[-CONNECTIONS:]} == {0, 1}
    assert metric(gateway, "grpc_server_handled_total", "ListIdentities") == 2 * CONNECTIONS + 1
    assert 'likeness_trainings_total{outcome="succeeded"} 6.0' in gateway.metrics()

    ends = [os.pidfd_open(pid) for pid in (successor["pid"], processes[1 - leader])]
    gateway.kill()
    for end in ends:
        readable, _, _ = select.select([end], [], [], 10)
        os.close(end)
        assert readable, "a process outlived its parent"


async def test_a_signal_drains_all_processes(
    start_gateway: Start, postgres: PostgresServer, photo: bytes
) -> None:
    """On PostgreSQL, which holds no more of a leader's name than its column takes."""
    gateway = start_gateway(PROCESSES="2", DATABASE__URL=postgres.database(), **scripted("stall"))
    await serving(gateway, 2)
    await logged(gateway, "dispatching", 10)
    other = Gateway(gateway.home, {"PROCESSES": "2", "JOBS__WORK_DIR": f"{gateway.home}/other"})
    other.port = gateway.port
    answer = start_and_end(other)
    assert (answer.returncode, "the port is taken" in answer.stderr) == (1, True)
    async with connections(gateway) as clients:
        name = await clients[0].train(photo)
        watches = [each.watch(name) for each in clients]
        await asyncio.gather(*map(anext, watches))
        assert await asyncio.to_thread(gateway.stop) == 0
        for watch in watches:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                async for _ in watch:
                    pass
            info = details(caught.value)[error_details_pb2.ErrorInfo]
            assert info.reason == "SHUTDOWN"  # type: ignore[attr-defined]
    assert {line["process"] for line in gateway.events("stopped")} == {0, 1}
    assert not gateway.events("process_died")


async def test_who_watches_hears_of_a_deletion_by_any_process(
    start_gateway: Start, photo: bytes
) -> None:
    gateway = start_gateway(PROCESSES="2", **scripted("stall"))
    await serving(gateway, 2)
    async with connections(gateway) as clients:
        name = await clients[0].train(photo, "ann")
        await begun(clients[0])
        watches = [each.watch(name) for each in clients]
        await asyncio.gather(*map(anext, watches))
        waits = [
            each.operations.WaitOperation(operations_pb2.WaitOperationRequest(name=name))
            for each in clients
        ]
        request = pb.DeleteIdentityRequest(name="identities/ann")
        await clients[0].identities.DeleteIdentity(request)
        async with asyncio.timeout(10):
            await asyncio.gather(*map(cut, watches))
            ends = await asyncio.gather(*waits, return_exceptions=True)
        codes = {end.code() for end in ends if isinstance(end, grpc.aio.AioRpcError)}
        assert codes <= {grpc.StatusCode.NOT_FOUND}
