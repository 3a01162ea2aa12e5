"""Several gateways on one database: one dispatches, and another takes over when it is gone."""

import asyncio

import pytest

from service.store import Database, JobStore, LeadershipStore, NotLeaderError, OperationStore
from tests.service.test_store import new


async def test_of_all_who_see_a_dead_leader_one_takes_over(database: Database) -> None:
    store = LeadershipStore(database)
    seen = await store.reign()
    terms = await asyncio.gather(*(store.take(seen, f"gateway-{index}") for index in range(6)))
    (term,) = (each for each in terms if each is not None)
    reign = await store.reign()
    assert (reign.holder, reign.term) == (f"gateway-{terms.index(term)}", term)


async def test_a_sign_of_life_foils_a_takeover(database: Database) -> None:
    store = LeadershipStore(database)
    term = await store.take(await store.reign(), "ann")
    assert term is not None
    seen = await store.reign()
    assert await store.beat(term)
    assert await store.take(seen, "bea") is None


async def test_an_overtaken_leader_does_nothing(database: Database) -> None:
    store, jobs, operations = (
        LeadershipStore(database),
        JobStore(database),
        OperationStore(database),
    )
    old = await store.take(await store.reign(), "ann")
    await operations.create(new("one"))
    await operations.create(new("two"))
    assert old is not None
    assert await jobs.claim(old) is not None
    term = await store.take(await store.reign(), "bea")
    assert term is not None
    assert not await store.beat(old)
    await store.resign(old)
    assert (await store.reign()).holder == "bea"
    with pytest.raises(NotLeaderError):
        await jobs.claim(old)
    with pytest.raises(NotLeaderError):
        await jobs.release_all(old)
    assert await jobs.release_all(term) == 1
