"""`bundle.json`: read as it was written, also by packages that know no safety checker."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from identity import CheckerInput, ServingBundle
from tests.support.plain_bundle import BUNDLE

CHECKER = CheckerInput(224, 224, 3, (0.5, 0.4, 0.3), (0.3, 0.2, 0.1))


@pytest.mark.parametrize("checker", [None, CHECKER])
def test_only_a_checker_that_is_there_is_written(
    tmp_path: Path, checker: CheckerInput | None
) -> None:
    made = replace(BUNDLE, base_model_digest="sha256:1", safety_checker=checker)
    made.save(tmp_path)
    written = json.loads((tmp_path / "bundle.json").read_text())
    assert ("safety_checker" in written) == (checker is not None)
    read = ServingBundle.load(tmp_path)
    assert (read.base_model_digest, read.safety_checker is None) == ("sha256:1", checker is None)
