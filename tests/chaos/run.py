"""A time of faults, and what must be true afterwards."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import psutil
from google.longrunning import operations_pb2

from likeness.v1 import identity_service_pb2 as pb
from service.admin.fsck import Fsck
from service.blobs import BlobStore
from service.health import GENERATION_SERVICE
from service.store import Database
from tests.chaos.customers import GRACE_SECONDS, Customers, Ledger
from tests.chaos.faults import faults_of
from tests.chaos.stack import LIMIT_SECONDS, Stack, running
from tests.service.gateway import Gateway, Stubs

PAUSE_SECONDS = (0.2, 0.8)
HEALTHY_SECONDS = 90.0
"""Within which everything works again after the last fault."""
MORE_FILES, MORE_MIB = 16, 64
"""What a gateway may use more than at first: pools fill, caches too."""


@dataclass(frozen=True)
class Outcome:
    """What became of a run.

    Attributes:
        faults: how often each happened.
        ledger: what callers were promised, and what was not true.
        mended: what fsck found, and mended, after the gateway had tidied up by itself.
        files, memory: what the gateway used before and after: descriptors, MiB.
    """

    faults: Counter[str]
    ledger: Ledger
    mended: list[str]
    files: tuple[int, int]
    memory: tuple[float, float]

    def __str__(self) -> str:
        ledger = self.ledger
        calls = Counter[str]()
        for (_, code), count in ledger.calls.items():
            calls[code.name] += count
        return (
            f"faults: {dict(self.faults)}\ncalls: {dict(calls)}\n"
            f"trainings acknowledged: {len(ledger.operations)}, deletions: {len(ledger.deleted)}\n"
            f"files {self.files[0]} -> {self.files[1]}, "
            f"memory {self.memory[0]:.0f} -> {self.memory[1]:.0f} MiB\n"
            f"mended by fsck: {self.mended or 'nothing'}\n"
            f"complaints: {ledger.complaints or 'none'}"
        )


async def run(
    home: Path,
    checkpoint: Path,
    database: str,
    seed: int,
    seconds: float,
    each_seconds: tuple[float, float] = (1.5, 4.0),
    only: Collection[str] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Every kind of fault in turn, in an order drawn from the seed, over and over.

    Args:
        seconds: time of faults; at least, each happens once.
        each_seconds: how long one lasts.
        only: kinds of fault; empty: all that can be made here.
        tell: is told of each.
    """
    with running(home, checkpoint, database) as stack:
        chance, happened = random.Random(seed), Counter[str]()
        faults = {
            name: fault for name, fault in faults_of(stack).items() if not only or name in only
        }
        tell(f"{database}: {', '.join(faults)}")
        customers = Customers(stack.gateway, seed)
        async with customers.calling():
            async with asyncio.timeout(HEALTHY_SECONDS):
                await customers.learned.wait()
            before = _use(stack.gateway)
            until = time.monotonic() + seconds
            while time.monotonic() < until or not happened:
                for name in chance.sample(sorted(faults), len(faults)):
                    lasts = chance.uniform(*each_seconds)
                    tell(f"{name} for {lasts:.1f} s")
                    async with faults[name](stack, chance):
                        await asyncio.sleep(lasts)
                    happened[name] += 1
                    await asyncio.sleep(chance.uniform(*PAUSE_SECONDS))
                    if time.monotonic() >= until and len(happened) == len(faults):
                        break
        ledger = customers.ledger
        async with stack.gateway.stubs() as stubs:
            await _healthy(stubs)
            await _check_promises(stubs, ledger)
        after = _use(stack.gateway)
        _check_use(before, after, ledger)
        _check_log(stack.gateway, ledger)
        # A gateway that starts finishes what others left undone; after that, nothing is left.
        assert stack.gateway.stop() == 0
        stack.gateway.start()
        assert stack.gateway.stop() == 0
        mended = await _fsck(stack)
        return Outcome(happened, ledger, mended, (before[0], after[0]), (before[1], after[1]))


async def _healthy(stubs: Stubs) -> None:
    async with asyncio.timeout(HEALTHY_SECONDS):
        await asyncio.gather(stubs.until_serving(), stubs.until_serving(GENERATION_SERVICE))


async def _check_promises(stubs: Stubs, ledger: Ledger) -> None:
    """Every acknowledged operation is there, once, and done as promised; deletions too."""
    for name, identity in ledger.operations.items():
        if identity in ledger.deleted:
            continue
        operation = await stubs.finished(name)
        if not operation.HasField("response"):
            ledger.complaints.append(f"a training failed: {operation.error.message}")
    listed: list[str] = []
    request = operations_pb2.ListOperationsRequest(name="operations", page_size=1000)
    while True:
        page = await stubs.operations.ListOperations(request)
        listed += [operation.name for operation in page.operations]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    kept = {name for name, identity in ledger.operations.items() if identity not in ledger.deleted}
    if sorted(listed) != sorted(kept):
        lost, doubled = kept - set(listed), set(listed) - kept
        ledger.complaints.append(f"operations lost: {lost}, more than acknowledged: {doubled}")
    found = await stubs.identities.ListIdentities(pb.ListIdentitiesRequest(page_size=1000))
    names = {identity.name for identity in found.identities}
    if names != (wanted := set(ledger.operations.values()) - ledger.deleted):
        ledger.complaints.append(f"identities: {names ^ wanted} should (not) be there")
    states = Counter(pb.Identity.State.Name(each.state) for each in found.identities)
    if states.keys() - {"STATE_READY"}:
        ledger.complaints.append(f"not all READY: {states}")


def _use(gateway: Gateway) -> tuple[int, float]:
    assert gateway.process is not None
    process = psutil.Process(gateway.process.pid)
    return process.num_fds(), process.memory_info().rss / 2**20


def _check_use(before: tuple[int, float], after: tuple[int, float], ledger: Ledger) -> None:
    if after[0] > before[0] + MORE_FILES or after[1] > before[1] + MORE_MIB:
        ledger.complaints.append(f"files and memory grew from {before} to {after}")


def _check_log(gateway: Gateway, ledger: Ledger) -> None:
    """No call was in the gateway's hands for longer than its limit; nothing was unforeseen."""
    for call in gateway.events("rpc"):
        if call["seconds"] > LIMIT_SECONDS + GRACE_SECONDS and "Wait" not in call["method"]:
            ledger.complaints.append(f"{call['method']} took {call['seconds']} s: {call['code']}")
    for event in ("unexpected_exception", "background_failed", "attempt_broken"):
        ledger.complaints += [f"{event}: {each}" for each in gateway.events(event)[:3]]


async def _fsck(stack: Stack) -> list[str]:
    """What is found, and mended; after that, nothing."""
    database = Database(stack.gateway.database)
    with patch.dict(os.environ, stack.storage.environment):
        blobs = BlobStore(stack.gateway.settings["BLOBS__URL"])
    try:
        mended = []
        for last in (False, True):
            async for finding in Fsck(database, blobs, stack.jobs, 0).findings():
                assert not last, f"fsck did not mend {finding}"
                mended.append(str(finding))
                await finding.mend()
        return mended
    finally:
        await database.close()
