"""Whose turn it is in the queue."""

import random
from dataclasses import replace

from service.store import (
    SECOND,
    Database,
    JobStore,
    NewTraining,
    OperationState,
    OperationStore,
    now,
)
from tests.service.test_store import FAILURE, new


def of(tenant: str, name: str, **others: int) -> NewTraining:
    return replace(new(name), tenant=tenant, **others)


async def claimed(jobs: JobStore, term: int) -> list[str]:
    """Names of identities in the order in which their jobs are claimed, all running at once."""
    names = []
    while (training := await jobs.claim(term)) is not None:
        names.append(training.identity.identity_id)
    return names


async def test_tenants_take_turns(database: Database, term: int) -> None:
    operations, jobs = OperationStore(database), JobStore(database)
    for tenant, name in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1")):
        await operations.create(of(tenant, name))
    assert await claimed(jobs, term) == ["a1", "b1", "c1", "a2", "a3"]


async def test_who_had_a_turn_waits_for_the_others(database: Database, term: int) -> None:
    operations, jobs = OperationStore(database), JobStore(database)
    for tenant, name in (("a", "a1"), ("a", "a2"), ("b", "b1")):
        await operations.create(of(tenant, name))
    first = await jobs.claim(term)
    assert first is not None
    assert await jobs.fail(first.operation.uid, 1, FAILURE)
    assert await claimed(jobs, term) == ["b1", "a2"]


async def test_a_tenant_runs_so_many_jobs_at_most(database: Database, term: int) -> None:
    operations, jobs = OperationStore(database), JobStore(database, tenant_jobs=2)
    for tenant, name in (("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1")):
        await operations.create(of(tenant, name))
    assert await claimed(jobs, term) == ["a1", "b1", "a2"]


async def test_a_job_without_a_place_keeps_its_turn(database: Database, term: int) -> None:
    operations, jobs = OperationStore(database), JobStore(database)
    for name in ("first", "second"):
        await operations.create(of("a", name))
    assert await jobs.claim(term, lambda operation: operation.seed > 0) is None
    assert await claimed(jobs, term) == ["first", "second"]


async def test_a_retry_waits_no_longer_than_its_pause(database: Database, term: int) -> None:
    operations, jobs = OperationStore(database), JobStore(database, retry_seconds=60)
    for name, seconds in (("now", 30), ("before-the-clock-was-set-back", 3600)):
        await operations.create(of("a", name))
        taken = await jobs.claim(term)
        assert taken is not None
        assert await jobs.retry(taken.operation.uid, 1, now() + seconds * SECOND)
    earliest = await jobs.next_time()
    assert earliest is not None
    assert earliest - now() < 60 * SECOND
    assert await claimed(jobs, term) == ["before-the-clock-was-set-back"]


async def test_what_waits_past_its_deadline_fails(database: Database, term: int) -> None:
    operations, jobs = OperationStore(database), JobStore(database)
    late = await operations.create(of("a", "late", deadline=now()))
    await operations.create(of("a", "early", deadline=now() + 60_000_000))
    assert late is not None
    assert await jobs.expire(term, FAILURE) == [late.operation.uid]
    assert await jobs.expire(term, FAILURE) == []
    ended = await operations.get(late.operation.uid)
    assert ended is not None
    assert (ended.operation.state, ended.queue_position) == (OperationState.FAILED, 0)
    assert ended.identity.failure_reason == FAILURE.reason
    assert await claimed(jobs, term) == ["early"]


async def test_places_tell_the_order_of_claims(database: Database, term: int) -> None:
    draw = random.Random(3)
    operations, jobs = OperationStore(database), JobStore(database)
    made = [
        await operations.create(of(draw.choices("abcd", (9, 4, 2, 1))[0], f"job-{index}"))
        for index in range(24)
    ]
    for _ in range(5):
        taken = await jobs.claim(term)
        assert taken is not None
    assert await jobs.fail(taken.operation.uid, 1, FAILURE)
    found = await operations.get_all([each.operation.uid for each in made if each])
    waiting = [each for each in found.values() if each.queue_position]
    waiting.sort(key=lambda each: each.queue_position)
    assert [each.queue_position for each in waiting] == list(range(1, 20))
    expected = [each.identity.identity_id for each in waiting]
    assert await claimed(jobs, term) == expected
