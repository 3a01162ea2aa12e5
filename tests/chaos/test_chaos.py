"""The short version of `make chaos`: every fault once."""

import os
from pathlib import Path
from random import SystemRandom

from tests.chaos.run import run


async def test_promises_are_kept_through_faults(exported_checkpoint: Path, tmp_path: Path) -> None:
    seed = int(os.environ.get("LIKENESS_CHAOS_SEED", SystemRandom().randrange(2**32)))
    print(f"LIKENESS_CHAOS_SEED={seed}")
    outcome = await run(tmp_path, exported_checkpoint, "sqlite", seed, 0, (1.0, 1.3), print)
    assert not outcome.ledger.complaints, outcome
