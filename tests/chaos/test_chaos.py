"""A short piece of `make chaos`: one fault of each thing that the gateway stands on."""

from pathlib import Path
from random import SystemRandom

from tests.chaos.run import run
from tests.support.random_checkpoint import write_random_checkpoint

FAULTS = ("database_locked", "gateway_killed", "storage_failing", "stub_killed", "trainer_killed")


async def test_promises_are_kept_through_faults(tmp_path: Path) -> None:
    checkpoint = write_random_checkpoint(tmp_path / "checkpoint")
    seed = SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    outcome = await run(tmp_path, checkpoint, "sqlite", seed, 0, (0.5, 1.5), FAULTS)
    assert outcome.faults.keys() == set(FAULTS)
    assert not outcome.ledger.complaints, f"seed {seed}: {outcome}"
    assert outcome.ledger.operations, outcome
